"""Figures of other packages: read as documented, shown beside ours, refused in words."""

import json
from pathlib import Path

import pytest

from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.evaluation.peers import PeerResult, load_peers


def write(path: Path, *results: object) -> Path:
    path.write_text(json.dumps({"schema": 1, "results": results}))
    return path


def test_the_documented_form_is_read(tmp_path: Path) -> None:
    first = {"package": "fer 22.5.1", "set": "lfw", "faces": 2768, "accuracy": 0.633, "mean_recall": 0.41}
    second = {"package": "other", "set": "lfw", "faces": 2700, "accuracy": 1}
    assert load_peers(write(tmp_path / "peers.json", first, second)) == (
        PeerResult("fer 22.5.1", "lfw", 2768, 0.633, 0.41),
        PeerResult("other", "lfw", 2700, 1.0, None),
    )


GOOD = {"package": "p", "set": "lfw", "faces": 1, "accuracy": 0.5}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([], "result 2: expected an object"),
        ({**GOOD, "package": ""}, "result 2: expected the words package and set"),
        ({**GOOD, "set": 3}, "result 2: expected the words"),
        ({**GOOD, "faces": 0}, "faces is 0, expected a count"),
        ({**GOOD, "faces": True}, "faces is True"),
        ({**GOOD, "accuracy": 63.3}, "accuracy is 63.3, expected 0 to 1"),
        ({**GOOD, "accuracy": None}, "accuracy is None"),
        ({**GOOD, "accuracy": float("nan")}, "accuracy is nan"),
        ({**GOOD, "mean_recall": "x"}, "mean_recall is x"),
    ],
)
def test_what_is_not_of_that_form_is_refused_with_its_entry(tmp_path: Path, entry: object, message: str) -> None:
    with pytest.raises(DatasetFormatError, match=message):
        load_peers(write(tmp_path / "peers.json", GOOD, entry))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"schema": 2, "results": []}', b"[" * 100_000])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "peers.json").write_bytes(content)
    with pytest.raises(DatasetFormatError, match=r"peers\.json: "):
        load_peers(tmp_path / "peers.json")
    with pytest.raises(DatasetNotFoundError, match=r"absent\.json: "):
        load_peers(tmp_path / "absent.json")
