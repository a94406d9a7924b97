"""The ONNX files in the package: their names, paths and hashes, as listed in ``manifest.json`` beside this module."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mien.errors import ModelFileError, UnknownModelError
from mien.runtime.files import sha256_of
from mien.text import name_hint

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One entry of the manifest.

    Attributes:
        name: Name for users.
        path: Of the file.
        sha256: Of the shipped file.
        kind: ``model`` reads expressions, ``detector`` finds faces.
        alias: The entry that this name refers to; None for an entry of its own.
    """

    name: str
    path: Path
    sha256: str
    kind: str = "model"
    alias: str | None = None

    def intact(self) -> bool:
        """Whether the file exists and has the hash of the shipped one."""
        return self.path.is_file() and sha256_of(self.path) == self.sha256


def read_manifest(folder: Path) -> Mapping[str, WeightFile]:
    """The weights that ``folder/manifest.json`` lists, by name; an alias has the file of its target."""
    entries: dict[str, dict[str, str]] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    weights = {}
    for name, entry in sorted(entries.items()):
        alias = entry.get("alias")
        target = entries.get(alias, {}) if alias else entry
        if target:  # an alias of nothing is left out: no name without a file
            kind = target.get("kind", "model")
            weights[name] = WeightFile(name, folder / target["file"], target["sha256"], kind, alias)
    return weights


def list_weights(kind: str = "model", *, aliases: bool = True) -> Mapping[str, WeightFile]:
    """The shipped files of a kind, ``model`` or ``detector``, by name, each once without aliases; nothing is opened."""
    return {name: w for name, w in _shipped().items() if w.kind == kind and (aliases or w.alias is None)}


def weight_path(name: str, *, kind: str = "model") -> Path:
    """Path of the shipped file called ``name``, after its hash was checked.

    Raises:
        UnknownModelError: There is no such name; similar names are in the hint.
        ModelFileError: The file is missing, or is not the shipped one.
    """
    return checked_path(name, list_weights(kind))


@cache
def _shipped() -> Mapping[str, WeightFile]:
    return read_manifest(_FOLDER)


def checked_path(name: str, weights: Mapping[str, WeightFile]) -> Path:
    """Path of ``name`` among ``weights``, after its hash was checked.

    Raises:
        UnknownModelError: There is no such name; similar names are in the hint.
        ModelFileError: The file is missing, or is not the shipped one.
    """
    if name not in weights:
        near = name_hint(name, sorted(weights)) if weights else "none ships"
        raise UnknownModelError(f"no model {name!r}; {near}", hint="a file is given by its path")
    # before every use: a truncated or edited file may still load, and give other probabilities
    if not weights[name].intact():
        raise ModelFileError(
            f"{weights[name].path.name} of model {name!r} is missing or is not the file that was shipped "
            f"(expected sha256 {weights[name].sha256[:12]}…)",
            hint="install the package again",
        )
    return weights[name].path
