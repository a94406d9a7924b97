"""The record of a batch job: input, model, detector, settings, versions; and the files of its folder.

DIR/manifest.json      this record
DIR/entries.jsonl      every picture and video, with its part
DIR/part-000000.parquet …   rows; crops-000000.parquet and thumbnails-000000.parquet where they are kept
DIR/summary.json, summary.html   once the job is done
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mien.batch.entries import Part, fingerprint, read_plan, write_plan
from mien.batch.rows import PartRecord, columns, read_record
from mien.batch.settings import BatchSettings
from mien.errors import CheckpointError, DatasetFormatError
from mien.expressions import Expression, LabelSet
from mien.recognition.pipeline import ExpressionPipeline
from mien.runtime.files import check_regular, sha256_of, write_text
from mien.version import __version__

SCHEMA = 1
MANIFEST, _PLAN = "manifest.json", "entries.jsonl"
#: Settings that records of earlier versions lack.
_UNSET = BatchSettings().deciding() | {"prior": None}
#: The plan to come while the record is replaced: whichever of the two fits the record is the plan.
_NEXT_PLAN = "entries.next.jsonl"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the rows of a job depend on.

    Attributes:
        inputs: What the user named.
        input_sha256: Of the names and versions of all entries, in order.
        entries: Their number.
        model_sha256: Of the model file.
        detector_sha256: Of each file of the detector.
        labels: Columns of probabilities, in order.
        settings: Those that decide rows, and ``prior``, the base rates that were assumed. Records of earlier versions
            have fewer, which stood at their defaults.
        version: Of this package.
        schema: Of this layout.
    """

    inputs: tuple[str, ...]
    input_sha256: str
    entries: int
    model_sha256: str
    detector_sha256: dict[str, str]
    labels: tuple[str, ...]
    settings: dict[str, Any]
    version: str = __version__
    schema: int = SCHEMA

    @property
    def label_set(self) -> LabelSet:
        return LabelSet(tuple(map(Expression, self.labels)))

    @property
    def columns(self) -> dict[str, str]:
        """Name and Arrow type of each column of the job's parts, in order."""
        return columns(self.label_set, details=self.settings.get("details") is True)

    def difference(self, other: "Manifest") -> str | None:
        """What of the way of reading differs, in words; None where the same rows would come."""
        if self.model_sha256 != other.model_sha256:
            return "another model"
        if self.detector_sha256 != other.detector_sha256:
            return "another detector"
        if self.version != other.version:
            return f"another version of mien ({other.version})"
        before, now = (_UNSET | manifest.settings for manifest in (self, other))
        # a model is known by its hash: its file may lie elsewhere
        changed = [name for name in now if name != "model" and before.get(name) != now[name]]
        return f"another {changed[0]}" if changed else None


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far a job is.

    Attributes:
        parts, parts_done: Part files in all, and those that are whole.
        entries, pictures: Pictures and videos in all, and those that were read.
        faces: Rows with a face.
        without_face: Pictures without one.
        failed: Pictures that could not be read.
    """

    parts: int
    parts_done: int
    entries: int
    pictures: int
    faces: int
    without_face: int
    failed: int

    @property
    def done(self) -> bool:
        return self.parts_done == self.parts

    def to_dict(self) -> dict[str, int | bool]:
        """Plain numbers, and whether it is done."""
        return {**asdict(self), "done": self.done}


class JobFolder:
    """The files of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, manifest: Manifest, parts: list[Part]) -> None:
        """Write plan and record, of a new job or of one whose input changed; a kill leaves the old pair or the new."""
        self.path.mkdir(parents=True, exist_ok=True)
        if self.exists and self._read_with(_NEXT_PLAN):  # an earlier call was killed before its last line
            (self.path / _NEXT_PLAN).replace(self.path / _PLAN)
        write_plan(self.path / _NEXT_PLAN, parts)
        write_text(self.path / MANIFEST, json.dumps(asdict(manifest), indent=2, sort_keys=True) + "\n")
        (self.path / _NEXT_PLAN).replace(self.path / _PLAN)

    @property
    def exists(self) -> bool:
        return (self.path / MANIFEST).exists()

    @property
    def is_free(self) -> bool:
        """Whether a job may begin here: nothing is there, or what :meth:`begin` leaves that is killed half-way."""
        if not self.path.is_dir():
            return not self.path.exists()
        return all(map(self._is_half_begun, self.path.iterdir()))

    def _is_half_begun(self, file: Path) -> bool:
        if file.name in {_PLAN, _NEXT_PLAN}:
            try:
                return bool(read_plan(file))
            except (OSError, DatasetFormatError):  # a file of the user's own
                return False
        return file.name.startswith((f".{_NEXT_PLAN}.", f".{MANIFEST}.")) and file.name.endswith(".part")

    def read(self) -> tuple[Manifest, list[Part]]:
        """The record and the plan.

        Raises:
            CheckpointError: There is no job, or its record is damaged or of another layout.
        """
        found = self._read_with(_NEXT_PLAN, _PLAN)
        if found is None:
            raise CheckpointError(f"{self.path / _PLAN}: does not fit {MANIFEST}", hint="begin in another folder")
        return found

    def _read_with(self, *plans: str) -> tuple[Manifest, list[Part]] | None:
        """The record and the first of ``plans`` that fits it; None where none does. The next plan may be absent."""
        file = self.path / MANIFEST
        try:
            check_regular(file)
            record = json.loads(file.read_text(encoding="utf-8"))
            manifest = _manifest(record)
            for plan in plans:
                if plan == _NEXT_PLAN and not (self.path / plan).exists():
                    continue
                parts = read_plan(self.path / plan)
                entries = [entry for part in parts for entry in part.entries]
                if len(entries) == manifest.entries and fingerprint(entries) == manifest.input_sha256:
                    return manifest, parts
        except FileNotFoundError as err:
            raise CheckpointError(
                f"{self.path}: no batch job here", hint="mien batch INPUT --out DIR begins one"
            ) from err
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
            raise CheckpointError(f"{file}: not the record of a batch job ({str(err)[:200]})") from err
        return None

    def part(self, number: int, kind: str = "part") -> Path:
        return self.path / f"{kind}-{number:06d}.parquet"

    def record(self, part: Part) -> PartRecord | None:
        """Of a part that is whole and of just these entries; None where it is still to be read."""
        record = read_record(self.part(part.number))
        return record if record and record.fingerprint == part.fingerprint else None

    def status(self, parts: list[Part]) -> BatchStatus:
        """Count what is there."""
        records = [record for part in parts if (record := self.record(part))]
        return BatchStatus(
            parts=len(parts),
            parts_done=len(records),
            entries=sum(len(part.entries) for part in parts),
            pictures=sum(record.pictures for record in records),
            faces=sum(record.faces for record in records),
            without_face=sum(record.without_face for record in records),
            failed=sum(record.failed for record in records),
        )


def _manifest(record: dict[str, Any]) -> Manifest:
    """A record of these types, or ValueError, TypeError or KeyError that say what is wrong."""
    if record.get("schema") != SCHEMA:
        raise ValueError(f"layout {str(record.get('schema'))[:20]}, this version reads {SCHEMA}")
    manifest = Manifest(**{**record, "inputs": tuple(record["inputs"]), "labels": tuple(record["labels"])})
    texts = (*manifest.inputs, manifest.input_sha256, manifest.model_sha256, manifest.version)
    if not all(isinstance(text, str) for text in (*texts, *manifest.detector_sha256.values())):
        raise TypeError("a field that is no text")
    if not isinstance(manifest.settings, dict) or type(manifest.entries) is not int:
        raise TypeError("settings or entries of another kind")
    _ = manifest.label_set  # which knows the expressions
    return manifest


def describe(
    inputs: tuple[str, ...], parts: list[Part], pipeline: ExpressionPipeline, settings: BatchSettings
) -> Manifest:
    """The record of a job that begins now."""
    entries = [entry for part in parts for entry in part.entries]
    return Manifest(
        inputs=inputs,
        input_sha256=fingerprint(entries),
        entries=len(entries),
        model_sha256=sha256_of(pipeline.recognizer.path),
        detector_sha256=dict(pipeline.detector.files),
        labels=tuple(map(str, pipeline.recognizer.labels)),
        settings=settings.deciding() | {"prior": pipeline.recognizer.answers.to_dict()["prior"]},
    )
