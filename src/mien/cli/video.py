"""``mien video``: the faces of a video and their expressions over time.

Data goes to standard output, errors and progress to standard error.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mien.cli.last_line import print_last_line
from mien.cli.options import (
    MaxPixelsOption,
    ReadingOptions,
    SmoothingOption,
    ThreadsOption,
    with_reading_options,
)
from mien.cli.streams import warn
from mien.expressions import USE_NOTICE
from mien.imaging import MAX_PIXELS, readable_path
from mien.render.text import counted
from mien.text import printable
from mien.video.analyzer import FrameAnalyzer
from mien.video.clock import StageClock
from mien.video.outputs import VideoOutputs
from mien.video.record import VideoSummary, record_video
from mien.video.results import FrameResult
from mien.video.settings import VideoSettings
from mien.video.sinks.rows import RowStream
from mien.video.sinks.table import table_format
from mien.video.sources.base import VideoInfo
from mien.video.sources.open import open_video
from mien.video.sources.sampling import DEFAULT_RATE

#: Exit code after Ctrl-C: 128 and the number of SIGINT.
_INTERRUPTED = 130
_DEFAULT = VideoSettings()

HELP = f"""Follow the faces of a video and name their expressions, frame by frame.

SOURCE is a video or an animated picture, a folder or pattern of pictures, or an address (rtsp://, http://), which is
then fetched.

Examples:

    mien video clip.mp4

    mien video clip.mp4 --out clip.csv --save annotated.mp4 --report clip.html

    mien video clip.mp4 --out clip.csv --resume

    mien video "frames/*.png" --rate 10 --out - > rows.jsonl

Exit code 5 when nothing could be read; what cannot be read of a damaged video is reported, and the rest is done.

{USE_NOTICE}"""


@with_reading_options
def video(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Video, folder, pattern, or address.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Rows into .csv, .jsonl or .parquet; - for JSON lines.")] = None,
    save: Annotated[Path | None, typer.Option(help="The annotated video, .mp4 with the sound of the source.")] = None,
    plot: Annotated[Path | None, typer.Option(help="The expressions over time as .png or .svg.")] = None,
    report: Annotated[Path | None, typer.Option(help="The same with a summary as one .html file.")] = None,
    stride: Annotated[int, typer.Option(help="Read every N-th frame.")] = _DEFAULT.stride,
    fps: Annotated[float | None, typer.Option(help="Read at most this many frames per second.")] = _DEFAULT.fps,
    rate: Annotated[float, typer.Option(help="Frames per second of an image sequence.")] = DEFAULT_RATE,
    smoothing: SmoothingOption = _DEFAULT.smoothing_s,
    detect_every: Annotated[
        int | None, typer.Option(help="Detect faces in every N-th read frame; by default as needed.")
    ] = _DEFAULT.detect_every,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the table of an interrupted run.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Report the time of each stage.")] = False,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    threads: ThreadsOption = 1,
    reading: ReadingOptions,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    to_stdout = out == Path("-")
    # Before models are loaded: a wrong ending is refused at once.
    if out is not None and not to_stdout:
        table_format(out)
    settings = VideoSettings(stride=stride, fps=fps, smoothing_s=smoothing, detect_every=detect_every)
    # the video before the networks: a file that does not exist is reported without waiting for them
    opened = open_video(source, rate=rate, max_pixels=max_pixels)
    analyzer = FrameAnalyzer(reading.load(threads=threads, max_pixels=max_pixels), settings, StageClock())
    outputs = VideoOutputs(None if to_stdout else out, save, plot, report)
    with _Progress(opened.info, quiet=quiet) as progress:
        rows = [RowStream(sys.stdout)] if to_stdout else []  # not one of the outputs, which are files
        summary = record_video(opened, analyzer, outputs, resume=resume, listener=progress.step, sinks=rows)
    if not to_stdout:  # rows must be alone there, for the next program of a pipe
        name = source if "://" in source else readable_path(Path(source))
        print(summary_text(name, summary), end="")
    _report(summary, outputs.files, analyzer.clock if profile else None)


def summary_text(source: str, summary: VideoSummary) -> str:
    """The tracks as a table for people."""
    frames, faces = counted(summary.frames, "frame"), counted(len(summary.tracks), "face")
    lines = [f"{printable(source)}: {frames}, {summary.end_s:.1f} s, {faces} followed"]
    for track in summary.tracks:
        # share of the track's time by expression, largest first
        shares = sorted(track.shares.items(), key=lambda pair: -pair[1])
        named = ", ".join(f"{name} {share:.0%}" for name, share in shares[:3] if share >= 0.005)  # 0 % is not shown
        span = f"{track.first_s:.1f} to {track.last_s:.1f} s"
        changes = counted(track.changes, "change")
        lines.append(f"  {track.track_id:>3}  {track.seconds:6.1f} s  ({span})  {named} of the time  {changes}")
    return "\n".join(lines) + "\n"


def _report(summary: VideoSummary, files: list[Path], clock: StageClock | None) -> None:
    """Warnings, times and, as the last line, what was read and written, on standard error."""
    for warning in summary.warnings:
        warn(warning)
    if clock is not None:
        print("\n".join(clock.lines(summary.frames)), file=sys.stderr)
    if summary.resumable:
        warn("--resume continues the table")
    print_last_line(f"{counted(summary.frames, 'frame')}, {counted(len(summary.tracks), 'face')}", files)
    if summary.stopped:  # after all output, which an interrupted run has too
        raise typer.Exit(_INTERRUPTED)


class _Progress:
    """A bar over the seconds of a video, on standard error."""

    def __init__(self, info: VideoInfo, *, quiet: bool) -> None:
        columns = (TextColumn("Reading video"), BarColumn(), TextColumn("{task.fields[state]}"), TimeRemainingColumn())
        self._bars = Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)
        self._total_s = info.duration_s  # None, as for a stream, shows a bar that pulses
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._bars)
        self._task = self._bars.add_task("video", total=self._total_s, state="")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def step(self, result: FrameResult) -> None:
        """Move to a frame's time."""
        state = f"{result.timestamp_s:.1f} s, {counted(len(result.faces), 'face')}"
        self._bars.update(self._task, completed=result.timestamp_s, state=state)


video.__doc__ = HELP
