"""From a video to files: each frame is analyzed once, and its result is written to each sink.

    frames → results → table ┬→ annotated video
                             └→ timeline → plot, report

Frames are not kept. A run that stops leaves a readable table and can be resumed.
"""

import csv
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from mien.errors import CheckpointError
from mien.runtime.memory import give_back_freed_memory
from mien.runtime.translation import reason
from mien.video.analyzer import FrameAnalyzer
from mien.video.outputs import VideoOutputs, check_outputs, resuming_problem
from mien.video.results import FrameResult
from mien.video.resume import (
    Identity,
    Progress,
    hashes_of,
    identity_of,
    load_progress,
    save_progress,
)
from mien.video.run import analyzed
from mien.video.sinks.annotated import AnnotatedVideo
from mien.video.sinks.base import OpenSinks, Sink
from mien.video.sinks.table import START_AGAIN, TableFile, read_rows, row_file
from mien.video.sinks.timeline import Timeline, TrackSummary
from mien.video.sinks.timeline_files import TimelineFiles
from mien.video.sources.base import VideoSource
from mien.video.sources.open import display_name
from mien.video.threads import ahead

Listener = Callable[[FrameResult], None]
#: Freed memory is returned to the system after this many frames; it takes 3 ms.
_TIDY_EVERY = 250


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """The outcome of a run over a video.

    Attributes:
        frames: Number of frames read, those of an earlier run included.
        end_s: Time of the last frame.
        tracks: A summary of each, the longest first.
        timeline: The tracks over time.
        warnings: What could not be read or was repaired.
        damaged: Number of frames that the decoder marked as damaged.
        hashes: SHA-256 of the model's file under ``model`` and of the detector's files by name.
        stopped: Whether the run was interrupted.
        resumable: Whether the same call with ``resume`` would continue.
    """

    frames: int
    end_s: float
    tracks: tuple[TrackSummary, ...]
    timeline: Timeline = field(repr=False, compare=False)
    warnings: tuple[str, ...]
    damaged: int = 0
    hashes: Mapping[str, str] = field(default_factory=dict)
    stopped: bool = False
    resumable: bool = False


def record_video(
    video: VideoSource,
    analyzer: FrameAnalyzer,
    outputs: VideoOutputs,
    *,
    resume: bool = False,
    listener: Listener | None = None,
    sinks: Sequence[Sink] = (),
    note_every_s: float = 2.0,
) -> VideoSummary:
    """Read ``video`` and write each result to ``outputs`` and ``sinks``; Ctrl-C ends it with complete files.

    Args:
        video: From :func:`mien.open_video`.
        analyzer: A new one; it cannot be used again.
        outputs: Files to make.
        resume: Continue where an earlier run with the same settings stopped; without one, begin.
        listener: Called with each result.
        sinks: Further sinks, written after the files.
        note_every_s: Time between two records of the progress; a resumed run repeats what came after the last.

    Raises:
        ConfigError: An output is the source itself or another output, or has no known ending, or
            ``resume`` is without a table, with an annotated video, or of a source that cannot be read again.
        CheckpointError: The earlier run had other settings or another video, or its files have been changed.
        SourceError: Not one frame can be read.
        StorageError: An output cannot be written.
        MissingDependencyError: An output needs an extra that is not installed.
    """
    check_outputs(video, outputs, resume=resume)
    identity = identity_of(video, analyzer)
    progress = load_progress(outputs.table, identity) if resume and outputs.table is not None else None
    run = _Run(video, analyzer, outputs, identity, note_every_s)
    if progress is not None and progress.complete:
        return run.finished_before(progress)
    return run.read(progress, sinks, listener)


class _Run:
    """One run over a video: its sinks, and the timeline that grows."""

    def __init__(
        self,
        video: VideoSource,
        analyzer: FrameAnalyzer,
        outputs: VideoOutputs,
        identity: Identity,
        note_every_s: float,
    ) -> None:
        self._video, self._analyzer, self._outputs = video, analyzer, outputs
        self._identity, self._note_every_s = identity, note_every_s
        step_s = analyzer.settings.sampling().step_s(video.info.fps)
        self._timeline = Timeline(analyzer.pipeline.recognizer.labels, step_s=step_s)
        self._resumable = resuming_problem(video, outputs) is None
        self._noted_s, self._last = monotonic(), -1  # time of the last record of progress, index of the last frame

    def read(self, progress: Progress | None, sinks: Sequence[Sink], listener: Listener | None) -> VideoSummary:
        """Read and write the remaining frames."""
        info, clock, labels = self._video.info, self._analyzer.clock, self._timeline.labels
        table = self._table(progress)
        self._restore(progress)
        # The table is closed last: it is the record of the run, and complete only if all other files are.
        with OpenSinks([table] if table else [], info, labels, clock) as rows:
            self._begin(table, progress)
            with OpenSinks([*self._sinks(), *sinks], info, labels, clock) as others:
                stopped = self._write(rows, others, table, listener)
            if stopped:
                rows.stop()
        is_whole = info.live or not stopped  # a live source ends when it is stopped
        if table is not None and is_whole:
            self._complete(table.path)
        return self._summary(stopped=stopped)

    def finished_before(self, progress: Progress) -> VideoSummary:
        """The summary of a complete table, which is left unchanged."""
        table = self._outputs.table
        assert table is not None  # noqa: S101 - progress lies beside a table
        with _as_checkpoint_error(table):
            self._timeline.add_rows(read_rows(table))
        self._video.warnings.append("the table is complete, nothing was left to do")
        self._video.warnings.extend(progress.warnings)
        files = self._timeline_files()
        files.open(self._video.info, self._timeline.labels)
        files.write_files()
        return self._summary(stopped=False)

    def _table(self, progress: Progress | None) -> TableFile | None:
        if self._outputs.table is None:
            return None
        if progress is None:
            return TableFile(self._outputs.table)
        return TableFile(self._outputs.table, keep=progress.position, last_frame=progress.frame)

    def _sinks(self) -> list[Sink]:
        path = self._outputs.annotated
        annotated = [] if path is None else [AnnotatedVideo(path, self._video.warnings)]
        return [*annotated, self._timeline_files()]

    def _timeline_files(self) -> TimelineFiles:
        outputs, title = self._outputs, self._outputs.title or display_name(self._video)
        return TimelineFiles(self._timeline, outputs.plot, outputs.report, title=title, notes=self._video.warnings)

    def _restore(self, progress: Progress | None) -> None:
        """Take over the analyzer's state of an earlier run, before the table is cut to what that state goes with."""
        table = self._outputs.table
        if table is not None and progress is not None and progress.memory is not None:
            with _as_checkpoint_error(table):
                self._analyzer.restore(progress.memory)

    def _begin(self, table: TableFile | None, progress: Progress | None) -> None:
        """Record where a new run begins, or restore the rows of the earlier one."""
        if table is None:
            return
        if progress is None:  # a run that is killed before its first frame can be resumed too
            save_progress(table.path, Progress(-1, table.position(), self._identity, None))
            return
        with _as_checkpoint_error(table.path):
            self._timeline.add_rows(read_rows(row_file(table.path)))
        self._last = progress.frame

    def _write(self, rows: OpenSinks, others: OpenSinks, table: TableFile | None, listener: Listener | None) -> bool:
        """Write all results; returns whether the keyboard stopped that.

        Rows are written by the thread that analyzes, so that a killed run has them; rendering and encoding run in
        parallel.
        """
        results = self._with_rows(analyzed(self._video, self._analyzer, after=self._last), rows, table)
        with closing(ahead(results) if self._outputs.annotated else results) as waiting:
            try:
                for result in waiting:
                    self._last = result.index
                    others.write(result)
                    if self._timeline.frames % _TIDY_EVERY == 0:  # or the process grows with the video
                        give_back_freed_memory()
                    if listener is not None:
                        listener(result)
            except KeyboardInterrupt:
                self._video.warnings.append("interrupted")
                others.stop()
                return True
        return False

    def _with_rows(
        self, results: Iterator[FrameResult], rows: OpenSinks, table: TableFile | None
    ) -> Generator[FrameResult, None, None]:
        """The same results, each passed on after its rows are in the table."""
        for result in results:
            rows.write(result)
            if table is not None and monotonic() - self._noted_s >= self._note_every_s:
                self._note(table, result.index)
            yield result

    def _note(self, table: TableFile, index: int) -> None:
        memory = self._analyzer.to_dict()  # as of this frame: the analyzer runs in this thread
        save_progress(table.path, Progress(index, table.position(), self._identity, memory))
        self._noted_s = monotonic()

    def _complete(self, table: Path) -> None:
        """Record that the table is complete: what it was made with, what was read."""
        give_back_freed_memory()
        warnings, damaged = tuple(self._video.warnings), self._timeline.damaged
        progress = Progress(self._last, table.stat().st_size, self._identity, None, True, warnings, damaged)
        save_progress(table, progress)

    def _summary(self, *, stopped: bool) -> VideoSummary:
        timeline = self._timeline
        return VideoSummary(
            timeline.frames,
            timeline.end_s,
            tuple(timeline.summaries()),
            timeline,
            tuple(self._video.warnings),
            timeline.damaged,
            hashes_of(self._analyzer),
            stopped,
            stopped and self._resumable,
        )


@contextmanager
def _as_checkpoint_error(table: Path) -> Iterator[None]:
    """Translate errors while the files of an earlier run are read.

    Raises:
        CheckpointError: They are damaged.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, csv.Error) as err:
        if isinstance(err, CheckpointError):  # it is more precise than "damaged"
            raise
        raise CheckpointError(f"{table}: damaged ({reason(err)})", hint=START_AGAIN) from err
