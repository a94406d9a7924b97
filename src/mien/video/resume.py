"""The progress file beside a table: how far a run came, so that another one continues with the same rows.

The analyzer's state is stored as the analyzer gives it, and not interpreted here.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mien.errors import CheckpointError, ConfigError, SourceError
from mien.runtime.files import sha256_of, write_text
from mien.runtime.translation import reason
from mien.version import __version__
from mien.video.analyzer import FrameAnalyzer
from mien.video.sinks.table import START_AGAIN
from mien.video.sources.base import VideoSource, files_of
from mien.video.sources.fingerprint import can_be_read_again, fingerprint

#: Version of the file's layout.
_SCHEMA = 2
#: A larger file is not a progress file: a track takes about 8 KB.
_MOST_BYTES = 2**26
#: Keys of an identity that hold hashes, which people cannot compare, and what a difference in them means.
_HASHES = {
    "content": "another video",
    "model": "another model",
    "answers": "another decision rule, base rates or labels",
    "detector_files": "another file of the detector",
}

Identity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run came.

    Attributes:
        frame: Index of the last frame whose rows are in the table, -1 for none.
        position: Bytes of the table up to there.
        identity: What determines the rows; a run with another identity cannot continue.
        memory: State of the analyzer; None before the first frame and when the table is complete.
        complete: Whether the table is complete; then ``position`` is its length in the format of its ending.
        warnings: Of a complete table, what could not be read.
        damaged: Of a complete table, the number of frames that the decoder marked as damaged.
    """

    frame: int
    position: int
    identity: Identity
    memory: dict[str, Any] | None
    complete: bool = False
    warnings: tuple[str, ...] = ()
    damaged: int = 0


def progress_file(table: Path) -> Path:
    """The file beside a table that holds its progress."""
    return table.with_name(f"{table.name}.progress.json")


def save_progress(table: Path, progress: Progress) -> None:
    """Write the progress file atomically, with a checksum over its content.

    Raises:
        StorageError: It cannot be written.
    """
    record = {"schema": _SCHEMA, **asdict(progress)}
    write_text(progress_file(table), json.dumps({**record, "checksum": _checksum(record)}))


def load_progress(table: Path, identity: Identity) -> Progress | None:
    """How far a run with the same identity came; None if there was none.

    Raises:
        CheckpointError: The file is damaged, the identity differs, or there is a table without a progress file.
    """
    path = progress_file(table)
    if not path.is_file():
        if table.exists():
            raise CheckpointError(f"{table}: no progress file beside the table, expected {path.name}", hint=START_AGAIN)
        return None
    progress = _read(path)
    then = progress.identity  # keys that only one of both has differ too
    differing = [key for key in identity | then if then.get(key) != identity.get(key)]
    if "model" in differing:  # another model has other answers too
        differing = [key for key in differing if key != "answers"]
    if differing:
        changes = ", ".join(_change(key, identity.get(key), then.get(key)) for key in differing)
        raise CheckpointError(f"{table}: begun with other settings: {changes}", hint=START_AGAIN)
    if not progress.complete:
        return progress
    return _as_left(table, progress) if table.exists() else None


def hashes_of(analyzer: FrameAnalyzer) -> Mapping[str, str]:
    """SHA-256 of the model file under ``model``, and of each file of the detector under its name.

    Raises:
        ConfigError: A file cannot be read.
    """
    pipeline = analyzer.pipeline
    try:
        return {"model": sha256_of(pipeline.recognizer.path), **pipeline.detector.files}
    except OSError as err:
        raise ConfigError(f"{err.filename}: {err.strerror or err}") from err


def identity_of(video: VideoSource, analyzer: FrameAnalyzer) -> Identity:
    """What determines the rows: content of the source, settings, detector, network, versions; in types of JSON.

    Raises:
        ConfigError: A file of the network or the detector cannot be read.
        SourceError: The source cannot be read.
    """
    pipeline, files = analyzer.pipeline, files_of(video)
    hashes = dict(hashes_of(analyzer))
    return {
        "source": video.info.name,
        "rate": video.info.fps,
        "content": _content(files),
        "detector": pipeline.detector.name,
        "model": hashes.pop("model"),
        "detector_files": hashes,
        # Labels, base rates and decision rule have no file; their text form is exact.
        "answers": hashlib.sha256(repr(pipeline.recognizer.answers).encode()).hexdigest(),
        "min_confidence": pipeline.min_confidence,
        **asdict(analyzer.settings),
        "mien": __version__,
        "av": _installed("av"),
        "onnxruntime": _installed("onnxruntime"),
    }


def _content(files: Sequence[Path]) -> str | None:
    try:
        return fingerprint(files) if can_be_read_again(files) else None
    except OSError as err:
        raise SourceError(f"{err.filename}: {err.strerror or err}") from err


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _change(key: str, now: Any, then: Any) -> str:
    """In words, a setting that differs from the earlier run's."""
    return _HASHES.get(key) or f"{key} {now} instead of {then}"


def _read(path: Path) -> Progress:
    """A progress file whose checksum, layout and types are right.

    Raises:
        CheckpointError: They are not.
    """
    try:
        return _parsed(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise CheckpointError(f"{path}: damaged ({reason(err)})", hint=START_AGAIN) from err


def _parsed(path: Path) -> Progress:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.stat().st_size} bytes, expected at most {_MOST_BYTES}")
    record = json.loads(path.read_text(encoding="utf-8"))
    schema, checksum = record.pop("schema", None), record.pop("checksum", None)
    if schema != _SCHEMA:
        raise ValueError(f"schema {schema}, expected {_SCHEMA}")
    if checksum != _checksum({"schema": schema, **record}):
        raise ValueError("the checksum differs")
    return _checked(Progress(**record | {"warnings": tuple(record["warnings"])}))


def _checked(progress: Progress) -> Progress:
    if not (isinstance(progress.frame, int) and isinstance(progress.position, int)):
        raise TypeError("frame and position are not whole numbers")
    if progress.frame < -1 or progress.position < 0:
        raise ValueError(f"frame {progress.frame} and position {progress.position} are out of range")
    if not isinstance(progress.identity, dict):
        raise TypeError("identity is not an object")
    # A state of the analyzer belongs to a run that has begun and is not complete, and to no other.
    has_memory = isinstance(progress.memory, dict)
    if has_memory is (progress.complete or progress.frame < 0):
        raise ValueError("the analyzer's state does not match the progress")
    return progress


def _checksum(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _as_left(table: Path, progress: Progress) -> Progress:
    """The progress of a complete table that still has the length it had at its end.

    Raises:
        CheckpointError: It has another.
    """
    length = table.stat().st_size
    if length != progress.position:
        text = f"{table}: changed since it was complete, {length} bytes, expected {progress.position}"
        raise CheckpointError(text, hint=START_AGAIN)
    return progress
