"""Metrics of other packages on our data sets, measured elsewhere and read from one JSON file.

    {"schema": 1,
     "measured": "2026-11-26, benchmarks/peers",
     "results": [{"package": "fer 22.5.1", "set": "lfw", "faces": 2768, "accuracy": 0.633, "mean_recall": 0.41}]}

``set`` is the folder name of the prepared set and ``faces`` the number of faces judged; ``mean_recall``, over the
expressions with enough images, may be absent. This module runs no package.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.errors import DatasetFormatError, DatasetNotFoundError

SCHEMA = 1
#: Such a list has a few kilobytes.
_MOST_BYTES = 2**20
_MOST_FACES = 10**9


@dataclass(frozen=True, slots=True)
class PeerResult:
    """The metrics of another package on one set.

    Attributes:
        package: Name and version.
        set: Name of the prepared set.
        faces: Number of faces that were judged.
        accuracy: Share of faces that are named by the set's label, in [0, 1].
        mean_recall: Mean recall of the expressions with enough images, in [0, 1]; None where not measured.
    """

    package: str
    set: str
    faces: int
    accuracy: float
    mean_recall: float | None = None


def load_peers(path: str | Path) -> tuple[PeerResult, ...]:
    """Read a file of the form above.

    Raises:
        DatasetNotFoundError: The file is not there.
        DatasetFormatError: It is not of that form; the entry is named.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            record = json.loads(stream.read(_MOST_BYTES))  # longer files are cut, and then not JSON
    except OSError as err:
        raise DatasetNotFoundError(f"{path}: {err.strerror}", hint="benchmarks/peers writes such a file") from err
    except (ValueError, RecursionError) as err:
        raise DatasetFormatError(f"{path}: not JSON ({str(err)[:80]})") from err
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or not isinstance(record.get("results"), list):
        raise DatasetFormatError(f"{path}: expected an object with schema {SCHEMA} and a list of results")
    return tuple(_result(entry, f"{path}: result {number}") for number, entry in enumerate(record["results"], 1))


def _result(entry: Any, place: str) -> PeerResult:
    if not isinstance(entry, dict):
        raise DatasetFormatError(f"{place}: expected an object")
    package, name, faces = entry.get("package"), entry.get("set"), entry.get("faces")
    if not (isinstance(package, str) and package.strip() and isinstance(name, str) and name.strip()):
        raise DatasetFormatError(f"{place}: expected the words package and set")
    # bool is a subclass of int: true would count as one face
    if not isinstance(faces, int) or isinstance(faces, bool) or not 0 < faces <= _MOST_FACES:
        raise DatasetFormatError(f"{place}: faces is {str(faces)[:20]}, expected a count above 0")
    accuracy, recall = _share(entry, "accuracy", place), None
    if entry.get("mean_recall") is not None:
        recall = _share(entry, "mean_recall", place)
    # shortened, as both become headers of a table
    return PeerResult(package.strip()[:60], name.strip()[:60], faces, accuracy, recall)


def _share(entry: dict[str, Any], name: str, place: str) -> float:
    value = entry.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:  # NaN fails too
        raise DatasetFormatError(f"{place}: {name} is {str(value)[:20]}, expected 0 to 1")
    return float(value)
