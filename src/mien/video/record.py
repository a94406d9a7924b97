"""A video with all that can be made of it: table, annotated video, timeline and report, in one pass.

It reads frames as ``run.py`` gives them and holds none; drawing runs beside reading. A run that stops leaves a
readable table, and can go on.
"""

import csv
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from mien.errors import CheckpointError, ConfigError
from mien.render.plots import load_figure
from mien.runtime.files import check_writable
from mien.runtime.memory import give_back_freed_memory
from mien.video.analyzer import FrameAnalyzer
from mien.video.results import FrameResult
from mien.video.resume import Progress, load_progress, progress_file, recipe_of, save_progress
from mien.video.run import analyzed
from mien.video.sinks.annotated import AnnotatedVideo, h264_encoder
from mien.video.sinks.drawing import draw_frame
from mien.video.sinks.report import write_report
from mien.video.sinks.table import START_AGAIN, TableFile, read_rows, row_file
from mien.video.sinks.timeline import Timeline, TrackSummary
from mien.video.sinks.timeline_plot import plot_format, plot_timeline
from mien.video.sources.base import VideoSource
from mien.video.sources.open import display_name, spare_source
from mien.video.threads import ahead

Listener = Callable[[FrameResult], None]
#: Freed memory is given back after so many frames; it takes 3 ms.
_TIDY_EVERY = 250


@dataclass(frozen=True, slots=True)
class Outputs:
    """What to make of a video; None is not made.

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


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """What a pass over a video came to.

    Attributes:
        frames: Read in all, those of an earlier run included.
        end_s: Time of the last one.
        tracks: In figures, the longest first.
        timeline: All of them over time.
        warnings: What could not be read.
        stopped: Whether it was interrupted.
        resumable: Whether the same call with ``resume`` goes on.
    """

    frames: int
    end_s: float
    tracks: tuple[TrackSummary, ...]
    timeline: Timeline = field(repr=False, compare=False)
    warnings: tuple[str, ...]
    stopped: bool = False
    resumable: bool = False


def record_video(
    video: VideoSource,
    analyzer: FrameAnalyzer,
    outputs: Outputs,
    *,
    resume: bool = False,
    listener: Listener | None = None,
    note_every_s: float = 2.0,
) -> VideoSummary:
    """Read ``video`` and write ``outputs``; an interruption by the keyboard ends it early but well.

    Args:
        video: From :func:`mien.video.sources.open.open_video`.
        analyzer: New; it is used up.
        outputs: What to make.
        resume: Go on where an earlier run with the same settings stopped; without one, begin.
        listener: Is shown each result.
        note_every_s: How often it is noted how far the run came; what lies behind the last note is read again.

    Raises:
        ConfigError: An output is the source itself or another output, or has no known ending, or
            ``resume`` is without a table, with an annotated video, or of a live source.
        CheckpointError: The earlier run had other settings, or what is there is not what it left.
        SourceError: Not one frame can be read.
        StorageError: An output cannot be written.
        MissingDependencyError: An output needs an extra that is not installed.
    """
    _check(video, outputs, resume=resume)
    recipe = recipe_of(video.info, analyzer)
    job = _Job(video, analyzer, outputs, recipe, note_every_s)
    if not (resume and outputs.table is not None):
        return job.run(None, listener)
    progress = load_progress(outputs.table, recipe)
    if progress is not None and progress.complete:
        return job.finished_before(outputs.table)
    return job.run(progress, listener)


class _Job:
    """One pass: the outputs that are open, and the timeline that grows."""

    def __init__(
        self,
        video: VideoSource,
        analyzer: FrameAnalyzer,
        outputs: Outputs,
        recipe: dict[str, Any],
        note_every_s: float,
    ) -> None:
        self._video, self._analyzer, self._outputs = video, analyzer, outputs
        self._recipe, self._note_every_s = recipe, note_every_s
        step_s = analyzer.settings.sampling().step_s(video.info.fps)
        recognizer = analyzer.pipeline.recognizer
        self._timeline = Timeline(recognizer.labels, step_s=step_s, decision=recognizer.decision)
        self._resumable = _resuming_problem(video, outputs) is None
        self._noted_s, self._last = monotonic(), -1

    def run(self, progress: Progress | None, listener: Listener | None) -> VideoSummary:
        stopped = False
        with ExitStack() as stack:
            table = self._open_table(stack, progress)
            drawn = self._outputs.annotated and stack.enter_context(
                AnnotatedVideo(self._outputs.annotated, self._video.info, self._video.warnings)
            )
            if progress is not None:
                self._go_on(progress)
            results = self._written(analyzed(self._video, self._analyzer, after=self._last), table)
            results = stack.enter_context(closing(ahead(results) if drawn else results))  # before what it writes into
            try:
                for result in results:
                    self._take(result, drawn or None)
                    if listener is not None:
                        listener(result)
            except KeyboardInterrupt:
                stopped = True
                self._video.warnings.append("interrupted")
                if drawn:
                    drawn.stop()
            results.close()
            if table is not None and (self._video.info.live or not stopped):  # what is live is whole when it is stopped
                self._close_table(table)
        return self._finish(stopped=stopped)

    def finished_before(self, table: Path) -> VideoSummary:
        """The summary of a complete table, which stays as it is."""
        with _told_as_checkpoint_error(table):
            self._timeline.add_rows(read_rows(table))
        self._video.warnings.append("the table is complete, nothing was left to do")
        return self._finish(stopped=False)

    def _open_table(self, stack: ExitStack, progress: Progress | None) -> TableFile | None:
        path = self._outputs.table
        if path is None:
            return None
        keep = progress.position if progress else None
        table = stack.enter_context(TableFile(path, self._timeline.labels, keep=keep))
        if progress is None:
            save_progress(path, Progress(-1, table.position(), self._recipe, None))
        return table

    def _go_on(self, progress: Progress) -> None:
        """Take up the memory and the rows of the earlier run."""
        if self._outputs.table is not None:
            with _told_as_checkpoint_error(self._outputs.table):
                self._timeline.add_rows(read_rows(row_file(self._outputs.table)))
                if progress.memory is not None:
                    self._analyzer.restore(progress.memory)
        self._last = progress.frame

    def _written(self, results: Iterator[FrameResult], table: TableFile | None) -> Generator[FrameResult, None, None]:
        """The same results, each after its rows are in the table."""
        for result in results:
            if table is not None:
                with self._analyzer.clock.stage("write"):
                    table.write(result)
                    if monotonic() - self._noted_s >= self._note_every_s:
                        self._note(table, result.index)
            yield result

    def _take(self, result: FrameResult, drawn: AnnotatedVideo | None) -> None:
        clock, self._last = self._analyzer.clock, result.index
        self._timeline.add(result)
        if self._timeline.frames % _TIDY_EVERY == 0:
            give_back_freed_memory()
        if drawn is not None:
            with clock.stage("draw"):
                picture = draw_frame(result)
            with clock.stage("encode"):
                drawn.write(picture, result.timestamp_s)

    def _note(self, table: TableFile, index: int) -> None:
        save_progress(table.path, Progress(index, table.position(), self._recipe, self._analyzer.to_dict()))
        self._noted_s = monotonic()

    def _close_table(self, table: TableFile) -> None:
        give_back_freed_memory()
        table.finish()
        if not self._resumable:
            progress_file(table.path).unlink(missing_ok=True)
            return
        length = table.path.stat().st_size
        save_progress(table.path, Progress(self._last, length, self._recipe, None, complete=True))

    def _finish(self, *, stopped: bool) -> VideoSummary:
        warnings = self._video.warnings
        if self._outputs.plot is not None:
            plot_timeline(self._timeline, self._outputs.plot)
        if self._outputs.report is not None:
            title = self._outputs.title or display_name(self._video)
            write_report(self._timeline, self._outputs.report, title=title, notes=warnings)
        tracks, timeline = tuple(self._timeline.summaries()), self._timeline
        resumable = stopped and self._resumable
        return VideoSummary(timeline.frames, timeline.end_s, tracks, timeline, tuple(warnings), stopped, resumable)


@contextmanager
def _told_as_checkpoint_error(table: Path) -> Iterator[None]:
    """Around taking up what an earlier run left.

    Raises:
        CheckpointError: It is not what such a run leaves.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, csv.Error) as err:
        raise CheckpointError(f"{table}: damaged ({err})", hint=START_AGAIN) from err


def _check(video: VideoSource, outputs: Outputs, *, resume: bool) -> None:
    """What can be known before an hour of reading is told before it."""
    wanted = [path for path in (outputs.table, outputs.annotated, outputs.plot, outputs.report) if path is not None]
    spare_source(video, *wanted)
    if len({path.resolve() for path in wanted}) < len(wanted):
        raise ConfigError("two outputs have one name, and one would be lost", hint="give each its own")
    if outputs.report is not None and outputs.report.suffix.lower() not in {".html", ".htm"}:
        raise ConfigError(f"{outputs.report}: a report ends in .html", hint="a table is --out, a picture --plot")
    if outputs.annotated is not None:
        h264_encoder(outputs.annotated)
    if outputs.plot is not None:
        plot_format(outputs.plot)
    if outputs.report is not None:
        load_figure()
    check_writable(*wanted)
    problem = _resuming_problem(video, outputs) if resume else None
    if problem is not None:
        raise problem


def _resuming_problem(video: VideoSource, outputs: Outputs) -> ConfigError | None:
    """Why such a run cannot be taken up, None where it can."""
    if outputs.table is None:
        return ConfigError("resuming needs the table that a run began", hint="give --out")
    if outputs.annotated is not None:
        return ConfigError("an annotated video cannot be taken up again", hint="leave out --save, or --resume")
    if video.info.live:
        return ConfigError(f"{video.info.name}: a live source has no place to go on from")
    return None
