"""What a run leaves beside its table: how far it came, so that another goes on as if nothing had happened.

It does not know how frames are read; it holds the analyzer's memory as that gives it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mien.errors import CheckpointError
from mien.runtime.files import sha256_of, write_text
from mien.video.analyzer import FrameAnalyzer
from mien.video.sinks.table import START_AGAIN
from mien.video.sources.base import VideoInfo

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run came.

    Attributes:
        frame: Index of the last frame whose rows are in the table, -1 for none.
        position: Bytes of the table up to there.
        recipe: What the run was made with; another recipe cannot go on.
        memory: Of the analyzer; None before the first frame and when all is done.
        complete: Whether the table is; then ``position`` is its length in the format that its ending says.
    """

    frame: int
    position: int
    recipe: dict[str, Any]
    memory: dict[str, Any] | None
    complete: bool = False


def progress_file(table: Path) -> Path:
    """The file beside a table that holds its progress."""
    return table.with_name(f"{table.name}.progress.json")


def save_progress(table: Path, progress: Progress) -> None:
    """Write it, all or nothing.

    Raises:
        StorageError: It cannot be written.
    """
    write_text(progress_file(table), json.dumps({"schema": _SCHEMA, **asdict(progress)}))


def load_progress(table: Path, recipe: dict[str, Any]) -> Progress | None:
    """How far a run with the same recipe came; None if there was none.

    Raises:
        CheckpointError: The file is damaged, the run was another one, or nothing says how the table that is there came
            about.
    """
    path = progress_file(table)
    if not path.is_file():
        if table.exists():
            raise CheckpointError(f"{table}: nothing beside it says how it was made", hint=START_AGAIN)
        return None
    progress = _read(path)
    differing = [key for key in recipe | progress.recipe if progress.recipe.get(key) != recipe.get(key)]
    if progress.recipe.get("detector_files", {}) is None:  # not recorded then
        differing.remove("detector_files")
    if differing:
        came = ", ".join(_change(key, recipe.get(key), progress.recipe.get(key)) for key in differing)
        raise CheckpointError(f"{table}: begun with other settings: {came}", hint=START_AGAIN)
    if not progress.complete:
        return progress
    return _as_left(table, progress) if table.exists() else None


def recipe_of(video: VideoInfo, analyzer: FrameAnalyzer) -> dict[str, Any]:
    """What decides the rows: the source, the settings, the detector and the network, as JSON would give it back."""
    pipeline, settings = analyzer.pipeline, asdict(analyzer.settings)
    return {
        "source": video.name,
        "rate": video.fps,
        "detector": pipeline.detector.name,
        "detector_files": dict(pipeline.detector.files),
        "model": sha256_of(pipeline.recognizer.path),
        "min_confidence": pipeline.min_confidence,
        **pipeline.recognizer.answers.to_dict(),
        **settings,
    }


def _change(key: str, now: Any, then: Any) -> str:
    """What is other than in the earlier run; of files only hashes are known, which tell nobody anything."""
    if key == "model":
        return "another model"
    if key == "detector_files":
        return "another file of the detector"
    return f"{key} {now} instead of {then}"


def _read(path: Path) -> Progress:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        frame, position = int(record["frame"]), int(record["position"])
        recipe = _with_files(dict(record["recipe"]))
        return Progress(frame, position, recipe, record["memory"], bool(record["complete"]))
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise CheckpointError(f"{path}: damaged ({err})", hint=START_AGAIN) from err


def _as_left(table: Path, progress: Progress) -> Progress:
    length = table.stat().st_size
    if length != progress.position:
        text = f"{table}: changed since it was complete, {length} bytes, expected {progress.position}"
        raise CheckpointError(text, hint=START_AGAIN)
    return progress


def _with_files(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe of an older version, which knew one file of the detector and only if it was given, as of this one."""
    if "detector_file" in recipe:
        file = recipe.pop("detector_file")
        recipe["detector_files"] = {recipe["detector"]: file} if file else None
    return recipe
