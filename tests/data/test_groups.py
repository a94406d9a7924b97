from dataclasses import replace

import numpy as np
import pytest

from mien.data.dataset import FerDataset
from mien.data.groups import group_labels
from mien.errors import ProtocolError


def with_groups(dataset: FerDataset, **groups: list[str]) -> FerDataset:
    table = np.zeros(len(dataset), [(name, "U16") for name in groups])
    for name, values in groups.items():
        table[name][: len(values)] = values
    return replace(dataset, groups=table)


def test_names_stay_as_they_are_and_what_is_not_told_is_unknown(made_dataset: FerDataset) -> None:
    dataset = with_groups(made_dataset, gender=["female", "male"])
    assert group_labels(dataset, "gender")[:3].tolist() == ["female", "male", "unknown"]


def test_ages_become_bands(made_dataset: FerDataset) -> None:
    ages = [*(str(age) for age in (0, 17, 18, 24, 25, 34, 35, 54.5, 64, 65, 90)), "NA"]
    dataset = with_groups(made_dataset, age=ages)
    expected = ["0-17", "0-17", "18-24", "18-24", "25-34", "25-34", "35-44", "45-54", "55-64", "65+", "65+", "unknown"]
    assert group_labels(dataset, "age")[:12].tolist() == expected


def test_a_few_numbers_are_names(made_dataset: FerDataset) -> None:
    assert group_labels(with_groups(made_dataset, camera=["1", "2"]), "camera")[:2].tolist() == ["1", "2"]


def test_an_unknown_group_is_refused_with_those_there_are(made_dataset: FerDataset) -> None:
    with pytest.raises(ProtocolError, match="no group 'sex'") as caught:
        group_labels(with_groups(made_dataset, gender=["female"]), "sex")
    assert "gender" in str(caught.value.hint)
    with pytest.raises(ProtocolError, match="no group 'sex'"):
        group_labels(made_dataset, "sex")
