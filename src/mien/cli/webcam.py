"""``mien webcam``: live expressions in the terminal, in a browser, as JSON lines or as a video.

Data goes to standard output, the live display to standard error.
"""

import sys
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from mien.cli.last_line import print_last_line
from mien.cli.options import ReadingOptions, SmoothingOption, ThreadsOption, with_reading_options
from mien.cli.streams import warn
from mien.errors import StorageError
from mien.expressions import USE_NOTICE
from mien.render.style import EXPRESSION_COLORS, MUTED
from mien.render.text import counted, percent
from mien.video.analyzer import FrameAnalyzer
from mien.video.live import LiveReading
from mien.video.results import FrameResult
from mien.video.settings import VideoSettings
from mien.video.sinks.annotated import AnnotatedVideo
from mien.video.sinks.base import OpenSinks, Sink
from mien.video.sinks.page import LivePage
from mien.video.sinks.rows import RowStream
from mien.video.sources.base import VideoSource
from mien.video.sources.cameras import Camera, PlayedLive
from mien.video.sources.devices import is_camera_name
from mien.video.sources.open import open_video, spare_source

#: Length of a full bar in characters.
_BAR = 30
_DEFAULT = VideoSettings()

HELP = f"""Name the expressions in front of a camera, live.

Without an option the terminal shows a bar for each expression of each face. Ctrl-C ends it and completes the files. A
camera that disappears is reopened. A video in place of a camera is played in real time.

Examples:

    mien webcam

    mien webcam --show

    mien webcam --camera 1 --jsonl - --quiet

    mien webcam --camera rtsp://door.example/live --save annotated.mp4

{USE_NOTICE}"""


@with_reading_options
def webcam(
    *,
    camera: Annotated[str, typer.Option(help="Number, device or name, address, or a video to play.")] = "0",
    show: Annotated[bool, typer.Option("--show", help="Open the live picture in the browser.")] = False,
    port: Annotated[int, typer.Option(help="Port of the live picture; 0 chooses a free one.")] = 0,
    save: Annotated[Path | None, typer.Option(help="The annotated video, .mp4.")] = None,
    jsonl: Annotated[Path | None, typer.Option(help="Rows as JSON lines into a file; - for standard output.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after this many seconds.")] = None,
    smoothing: SmoothingOption = _DEFAULT.smoothing_s,
    threads: ThreadsOption = 1,
    reading: ReadingOptions,
    quiet: Annotated[bool, typer.Option("--quiet", help="No display in the terminal.")] = False,
) -> None:
    source = _open(camera)  # before the networks: an absent camera is reported at once
    spare_source(source, save, jsonl)  # a video that is played must not be overwritten by its results
    pipeline = reading.load(threads=threads)
    analyzer = FrameAnalyzer(pipeline, VideoSettings(smoothing_s=smoothing))
    with ExitStack() as stack:
        page = LivePage(port) if show else None
        # A picture that is not shown in time is dropped; rows are not, so they have sinks of their own.
        shown: list[Sink] = [AnnotatedVideo(save, source.warnings)] if save else []
        shown += [page] if page else []
        # Rows are opened last, since that replaces an existing file: nothing else can fail afterwards.
        sinks = stack.enter_context(OpenSinks(shown, source.info, pipeline.recognizer.labels, analyzer.clock))
        written = [RowStream(_stream(stack, jsonl))] if jsonl else []
        rows = stack.enter_context(OpenSinks(written, source.info, pipeline.recognizer.labels, analyzer.clock))
        results = LiveReading(source, analyzer, listener=rows.write)
        if page is not None:
            print(f"live picture: {page.address}", file=sys.stderr)  # where there is no browser, as over SSH
            webbrowser.open(page.address)
        display = None if quiet else stack.enter_context(Live(console=Console(stderr=True), transient=True))
        try:
            _watch(results, sinks, display, seconds)
        except KeyboardInterrupt:
            source.warnings.append("ended by the keyboard")
            sinks.stop()
    _report(source, results, [path for path in (save, jsonl) if path is not None and path != Path("-")])


def _watch(reading: LiveReading, sinks: OpenSinks, display: Live | None, seconds: float | None) -> None:
    """Write and show each result, until the source or the time is over."""
    for result in reading:
        sinks.write(result)
        if display is not None:
            display.update(terminal_view(result, reading))
        reading.note_shown(result)  # after the display, so that the delay includes it
        if seconds is not None and result.timestamp_s >= seconds:
            return


def terminal_view(result: FrameResult, reading: LiveReading) -> Group:
    """Rate, delay and a bar for each expression of each face."""
    lines = [f"{reading.fps:5.1f} frames/s, delay {reading.delay_ms():.0f} ms, {reading.dropped} frames dropped"]
    if not result.faces:
        return Group(*lines, "no face")
    texts = [Text(line) for line in lines]
    for face in result.faces:
        named = face.expression or "uncertain"
        texts.append(Text(f"face {face.track_id}  {named}", style=f"bold {EXPRESSION_COLORS.get(named, MUTED)}"))
        for name, value in face.probabilities.to_dict().items():
            texts.append(Text(f"  {name:<10} {'█' * round(_BAR * value):<{_BAR}} {percent(value):>4}"))
    return Group(*texts)


def _open(camera: str) -> VideoSource:
    """A camera by number, device or name; anything else is opened as a video and, if not live, played in real time."""
    if camera.isdigit():  # a file of such a name is given as ./0
        return Camera(int(camera))
    if is_camera_name(camera, platform=sys.platform):
        return Camera(camera)
    video = open_video(camera)
    return video if video.info.live else PlayedLive(video)


def _stream(stack: ExitStack, path: Path) -> TextIO:
    if path == Path("-"):
        return sys.stdout  # not on the stack, which would close it
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return stack.enter_context(path.open("w", encoding="utf-8"))
    except OSError as err:
        raise StorageError(f"cannot write {path}: {err.strerror or err}") from err


def _report(source: VideoSource, reading: LiveReading, files: list[Path]) -> None:
    for warning in source.warnings:
        warn(warning)
    delays = f"delay p50 {reading.delay_ms():.0f} ms, p95 {reading.delay_ms(0.95):.0f} ms"
    print_last_line(f"{counted(reading.read, 'frame')} read, {reading.dropped} dropped, {delays}", files)


webcam.__doc__ = HELP
