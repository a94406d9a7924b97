from dataclasses import replace

from mien.expressions import FER2013_LABELS, FERPLUS_LABELS
from mien.metadata import HeadSpec, ModelMetadata

INTENDED = HeadSpec("intended_probabilities", FER2013_LABELS, temperature=1.5)


def test_a_record_with_one_output_has_the_perceived_head_alone() -> None:
    metadata = ModelMetadata("one", temperature=1.2)
    assert metadata.heads == {"perceived": HeadSpec("probabilities", FERPLUS_LABELS, 1.2)}
    assert replace(metadata, temperature=2.0).heads["perceived"].temperature == 2.0


def test_both_heads_survive_the_way_through_json() -> None:
    metadata = ModelMetadata("two", temperature=1.1, heads={"intended": INTENDED})
    again = ModelMetadata.from_json(metadata.to_json())
    assert again == metadata
    assert list(again.heads) == ["perceived", "intended"]
    assert again.heads["intended"] == INTENDED


def test_the_network_is_read_under_its_old_key_too() -> None:
    assert ModelMetadata("new", training={"config": {"network": "tiny"}}).network == "tiny"
    assert ModelMetadata("old", training={"config": {"model": "tiny"}}).network == "tiny"
    assert ModelMetadata("foreign").network is None
