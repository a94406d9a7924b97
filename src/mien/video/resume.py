"""What a killed run leaves beside its table so that another goes on as if nothing had happened.

It does not know how frames are read; it holds the analyzer's memory as that gives it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mien.errors import CheckpointError
from mien.storage import write_text
from mien.video.analyzer import FrameAnalyzer

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run came.

    Attributes:
        frame: Index of the last frame whose rows are in the table, -1 for none.
        position: Bytes of the table up to there.
        recipe: What the run was made with; another recipe cannot go on.
        memory: Of the analyzer; None before the first frame.
    """

    frame: int
    position: int
    recipe: dict[str, Any]
    memory: dict[str, Any] | None


def progress_file(table: Path) -> Path:
    """The file beside a table that is there as long as the table is not complete."""
    return table.with_name(f"{table.name}.progress.json")


def save_progress(table: Path, progress: Progress) -> None:
    """Write it, all or nothing.

    Raises:
        StorageError: It cannot be written.
    """
    write_text(progress_file(table), json.dumps({"schema": _SCHEMA, **asdict(progress)}))


def load_progress(table: Path, recipe: dict[str, Any]) -> Progress | None:
    """Where a run with the same recipe stopped; None if there was none or it was complete.

    Raises:
        CheckpointError: The file is damaged, or the run was another one.
    """
    path = progress_file(table)
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        progress = Progress(record["frame"], record["position"], record["recipe"], record["memory"])
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise CheckpointError(f"{path}: damaged ({err})", hint="start again without --resume") from err
    differing = [key for key in recipe if progress.recipe.get(key) != recipe[key]]
    if differing:
        came = ", ".join(f"{key} {recipe[key]} instead of {progress.recipe.get(key)}" for key in differing)
        raise CheckpointError(f"{table}: begun with other settings: {came}", hint="start again without --resume")
    return progress


def recipe_of(source: str, analyzer: FrameAnalyzer) -> dict[str, Any]:
    """What decides the rows: the source, the settings, the detector and the network, as JSON would give it back."""
    model = hashlib.sha256(analyzer.pipeline.recognizer.path.read_bytes()).hexdigest()
    recipe = {"source": source, "detector": analyzer.pipeline.detector.name, "model": model}
    settings: dict[str, Any] = asdict(analyzer.settings)
    return {**recipe, **settings}
