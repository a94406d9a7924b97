"""The manifest of a prepared data set: counts, hashes and origin, in ``manifest.json``.

What the arrays hold is checked where they are opened.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mien.data.splits import SPLITS
from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.expressions import Expression
from mien.json_object import JsonObject

MANIFEST = "manifest.json"
MANIFEST_SCHEMA = 1
#: Key of the hash of a split's ``emotions``.
EMOTIONS_HASH = "emotions_sha256"
#: What to do where a set is damaged.
PREPARE_AGAIN = "run mien data prepare or mien data import again"
#: Largest manifest that is read; real ones have a few kilobytes.
_MAX_BYTES = 64 << 20


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a prepared data set, its keys checked by type.

    Raises:
        DatasetNotFoundError: There is none.
        DatasetFormatError: It is damaged, or of another layout.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as stream:
            manifest = json.loads(stream.read(_MAX_BYTES))  # longer files are cut, and then not JSON
    except (FileNotFoundError, NotADirectoryError) as err:
        raise DatasetNotFoundError(
            f"{folder}: no prepared data set here",
            hint="mien data prepare --fer2013 … --ferplus … --out FOLDER makes one",
        ) from err
    except (ValueError, RecursionError) as err:
        raise DatasetFormatError(f"{path}: not JSON ({str(err)[:80]})", hint=PREPARE_AGAIN) from err
    layout = manifest.get("schema") if isinstance(manifest, dict) else None
    if layout != MANIFEST_SCHEMA:
        raise DatasetFormatError(
            f"{folder}: layout {str(layout)[:20]!s}, this version reads {MANIFEST_SCHEMA}", hint=PREPARE_AGAIN
        )
    if lacking := sorted({"rows", "splits", "dropped"} - manifest.keys()):
        raise DatasetFormatError(f"{path}: lacks {', '.join(lacking)}", hint=PREPARE_AGAIN)
    if faults := [key for key, holds in _MANIFEST_KEYS.items() if key in manifest and not holds(manifest[key])]:
        raise DatasetFormatError(f"{path}: {faults[0]} has the wrong type", hint=PREPARE_AGAIN)
    return dict(manifest)


def _is_split(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("rows"), int):
        return False
    return isinstance(entry.get("sha256"), str) and isinstance(entry.get(EMOTIONS_HASH, ""), str)


#: What the keys that the package reads must hold; others are carried along.
_MANIFEST_KEYS: dict[str, Callable[[Any], bool]] = {
    "rows": lambda v: isinstance(v, int),
    "splits": lambda v: isinstance(v, dict) and {*v} == {*SPLITS} and all(map(_is_split, v.values())),
    "dropped": lambda v: isinstance(v, dict) and all(isinstance(count, int) for count in v.values()),
    "split_rule": lambda v: isinstance(v, dict) and all(isinstance(count, int) for count in v.values()),
    "decisions": lambda v: isinstance(v, dict) and isinstance(v.get("counts", {}), dict),
    "classes": lambda v: isinstance(v, list) and set(v) <= {str(e) for e in Expression},
}


def manifest_text(manifest: JsonObject) -> str:
    """A manifest as it is written and hashed."""
    return json.dumps(manifest, indent=2, sort_keys=True) + "\n"
