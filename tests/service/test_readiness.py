"""A model that does not answer with probabilities: the service does not start with it, or says that it is not ready."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from mien.errors import MienError, ModelFileError
from mien.geometry import FloatArray
from mien.service.inference.batching import BatchingRecognizer

NONSENSE = {
    "no numbers": np.full((1, 8), np.nan),
    "infinite": np.full((1, 8), np.inf),
    "a sum of four": np.full((1, 8), 0.5),
    "values of nine": np.array([[9, -8, *[0.0] * 6]]),
    "fifty rows": np.full((50, 8), 0.125),
    "no row": np.empty((0, 8)),
    "a column too few": np.full((1, 7), 1 / 7),
}


class Flawed(BatchingRecognizer):
    """Answers what it is told to."""

    answer: FloatArray | None = None

    def _through_network(self, tensor: FloatArray) -> dict[str, FloatArray]:
        outputs = super()._through_network(tensor)
        return outputs if self.answer is None else dict.fromkeys(outputs, self.answer)


@pytest.fixture
def flawed(model: Path) -> Iterator[Flawed]:
    with closing(Flawed(model, active=lambda: 1, threads=1)) as recognizer:
        yield recognizer


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_reaches_no_caller_and_is_reported_until_it_ends(flawed: Flawed, kind: str) -> None:
    face = np.zeros((1, 48, 48), np.float32)
    flawed.answer = NONSENSE[kind].astype(np.float32)
    with pytest.raises(ModelFileError, match=r"small\.onnx"):
        flawed.predict_proba(face)
    assert flawed.problem is not None
    with pytest.raises(MienError, match="probabilities"):
        flawed.probe()
    flawed.answer = None
    flawed.probe()
    assert flawed.problem is None
    assert flawed.predict_proba(face).shape == (1, 8)
