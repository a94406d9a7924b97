"""A video and all that can be made of it: read each result once, write it to each sink.

    frames → results → table ┬→ annotated video
                             └→ timeline → plot, report

It holds no frames. A run that stops leaves a readable table, and can go on.
"""

import csv
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from mien.errors import CheckpointError, ConfigError
from mien.render.plots import load_figure, plot_format
from mien.runtime.files import check_writable
from mien.runtime.memory import give_back_freed_memory
from mien.video.analyzer import FrameAnalyzer
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
from mien.video.sinks.annotated import AnnotatedVideo, h264_encoder
from mien.video.sinks.base import OpenSinks, Sink
from mien.video.sinks.table import START_AGAIN, TableFile, read_rows, row_file
from mien.video.sinks.timeline import Timeline, TrackSummary
from mien.video.sinks.timeline_files import TimelineFiles
from mien.video.sources.base import VideoSource, files_of
from mien.video.sources.fingerprint import can_be_read_again
from mien.video.sources.open import display_name, spare_source
from mien.video.threads import ahead

Listener = Callable[[FrameResult], None]
#: Freed memory is given back after so many frames; it takes 3 ms.
_TIDY_EVERY = 250


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files to make of a video; None is not made.

    Attributes:
        table: Rows as ``.csv``, ``.jsonl`` or ``.parquet``.
        annotated: The drawn video as ``.mp4``.
        plot: The timeline as a picture.
        report: The timeline and the summary as HTML.
        title: What the report calls the video; None is its file's name.
    """

    table: Path | None = None
    annotated: Path | None = None
    plot: Path | None = None
    report: Path | None = None
    title: str | None = None

    @property
    def files(self) -> list[Path]:
        """All that are made."""
        return [path for path in (self.table, self.annotated, self.plot, self.report) if path is not None]


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """What a run over a video came to.

    Attributes:
        frames: Read in all, those of an earlier run included.
        end_s: Time of the last one.
        tracks: In figures, the longest first.
        timeline: All of them over time.
        warnings: What could not be read or had to be mended.
        damaged: Read frames that the decoder marks as damaged.
        hashes: SHA-256 of the model's file under ``model`` and of the detector's files by name.
        stopped: Whether it was interrupted.
        resumable: Whether the same call with ``resume`` goes on.
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
    outputs: Outputs,
    *,
    resume: bool = False,
    listener: Listener | None = None,
    sinks: Sequence[Sink] = (),
    note_every_s: float = 2.0,
) -> VideoSummary:
    """Read ``video`` and write each result to ``outputs`` and ``sinks``; an interruption ends it early but well.

    Args:
        video: From :func:`mien.video.sources.open.open_video`.
        analyzer: New; it is used up.
        outputs: Files to make.
        resume: Go on where an earlier run with the same settings stopped; without one, begin.
        listener: Is shown each result.
        sinks: More of them, written behind the files.
        note_every_s: How often it is noted how far the run came; what lies behind the last note is read again.

    Raises:
        ConfigError: An output is the source itself or another output, or has no known ending, or
            ``resume`` is without a table, with an annotated video, or of a source that cannot be read again.
        CheckpointError: The earlier run had other settings or another video, or what is there is not what it left.
        SourceError: Not one frame can be read.
        StorageError: An output cannot be written.
        MissingDependencyError: An output needs an extra that is not installed.
    """
    _check(video, outputs, resume=resume)
    identity = identity_of(video, analyzer)
    progress = load_progress(outputs.table, identity) if resume and outputs.table is not None else None
    run = _Run(video, analyzer, outputs, identity, note_every_s)
    if progress is not None and progress.complete:
        return run.finished_before(progress)
    return run.read(progress, sinks, listener)


class _Run:
    """One run over a video: what is written, and the timeline that grows."""

    def __init__(
        self, video: VideoSource, analyzer: FrameAnalyzer, outputs: Outputs, identity: Identity, note_every_s: float
    ) -> None:
        self._video, self._analyzer, self._outputs = video, analyzer, outputs
        self._identity, self._note_every_s = identity, note_every_s
        step_s = analyzer.settings.sampling().step_s(video.info.fps)
        self._timeline = Timeline(analyzer.pipeline.recognizer.labels, step_s=step_s)
        self._resumable = _resuming_problem(video, outputs) is None
        self._noted_s, self._last = monotonic(), -1

    def read(self, progress: Progress | None, sinks: Sequence[Sink], listener: Listener | None) -> VideoSummary:
        """Read what is left, and write it."""
        info, clock, labels = self._video.info, self._analyzer.clock, self._timeline.labels
        table = self._table(progress)
        with OpenSinks([table] if table else [], info, labels, clock) as rows:
            self._begin(table, progress)
            with OpenSinks([*self._sinks(), *sinks], info, labels, clock) as others:
                stopped = self._write(rows, others, table, listener)
            if stopped:
                rows.stop()
        is_whole = info.live or not stopped  # what is live is whole when it is stopped
        if table is not None and is_whole:
            self._complete(table.path)
        return self._summary(stopped=stopped)

    def finished_before(self, progress: Progress) -> VideoSummary:
        """The summary of a complete table, which stays as it is."""
        table = self._outputs.table
        assert table is not None  # noqa: S101 - progress lies beside a table
        with _told_as_checkpoint_error(table):
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

    def _begin(self, table: TableFile | None, progress: Progress | None) -> None:
        """Note where a new run begins, or take up memory and rows of the earlier one."""
        if table is None:
            return
        if progress is None:
            save_progress(table.path, Progress(-1, table.position(), self._identity, None))
            return
        with _told_as_checkpoint_error(table.path):
            self._timeline.add_rows(read_rows(row_file(table.path)))
            if progress.memory is not None:
                self._analyzer.restore(progress.memory)
        self._last = progress.frame

    def _write(self, rows: OpenSinks, others: OpenSinks, table: TableFile | None, listener: Listener | None) -> bool:
        """Write all results; whether the keyboard stopped that.

        Rows are written by the thread that reads, so that a run that is killed has them; drawing and encoding go on
        beside it.
        """
        results = self._with_rows(analyzed(self._video, self._analyzer, after=self._last), rows, table)
        with closing(ahead(results) if self._outputs.annotated else results) as waiting:
            try:
                for result in waiting:
                    self._last = result.index
                    others.write(result)
                    if self._timeline.frames % _TIDY_EVERY == 0:
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
        """The same results, each after its rows are in the table."""
        for result in results:
            rows.write(result)
            if table is not None and monotonic() - self._noted_s >= self._note_every_s:
                self._note(table, result.index)
            yield result

    def _note(self, table: TableFile, index: int) -> None:
        memory = self._analyzer.to_dict()
        save_progress(table.path, Progress(index, table.position(), self._identity, memory))
        self._noted_s = monotonic()

    def _complete(self, table: Path) -> None:
        """Leave the record of a whole table: what it was made with, what was read."""
        give_back_freed_memory()
        told, damaged = tuple(self._video.warnings), self._timeline.damaged
        progress = Progress(self._last, table.stat().st_size, self._identity, None, True, told, damaged)
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
def _told_as_checkpoint_error(table: Path) -> Iterator[None]:
    """Around taking up what an earlier run left.

    Raises:
        CheckpointError: It is not what such a run leaves.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, csv.Error) as err:
        if isinstance(err, CheckpointError):
            raise
        raise CheckpointError(f"{table}: damaged ({err})", hint=START_AGAIN) from err


def _check(video: VideoSource, outputs: Outputs, *, resume: bool) -> None:
    """Tell before an hour of reading what can be known before it."""
    spare_source(video, *outputs.files)
    if len({path.resolve() for path in outputs.files}) < len(outputs.files):
        raise ConfigError("two outputs have one name, and one would be lost", hint="give each its own")
    if outputs.report is not None and outputs.report.suffix.lower() not in {".html", ".htm"}:
        raise ConfigError(f"{outputs.report}: a report ends in .html", hint="a table is --out, a picture --plot")
    if outputs.annotated is not None:
        h264_encoder(outputs.annotated)
    if outputs.plot is not None:
        plot_format(outputs.plot)
    if outputs.report is not None:
        load_figure()
    check_writable(*outputs.files)
    problem = _resuming_problem(video, outputs) if resume else None
    if problem is not None:
        raise problem


def _resuming_problem(video: VideoSource, outputs: Outputs) -> ConfigError | None:
    """Why such a run cannot be resumed, None where it can."""
    if outputs.table is None:
        return ConfigError("resuming needs the table that a run began", hint="give --out")
    if outputs.annotated is not None:
        return ConfigError("an annotated video cannot be resumed", hint="leave out --save, or --resume")
    if video.info.live or not can_be_read_again(files_of(video)):
        return ConfigError(f"{video.info.name}: a stream, a pipe or pictures in memory cannot be resumed")
    return None
