"""Recording with the tests' pipeline, to the end or to where it is killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mien.expressions import FERPLUS_LABELS
from mien.recognition.pipeline import ExpressionPipeline
from mien.video.analyzer import FrameAnalyzer
from mien.video.clock import StageClock
from mien.video.outputs import VideoOutputs
from mien.video.record import Listener, VideoSummary, record_video
from mien.video.results import FrameResult
from mien.video.settings import VideoSettings
from mien.video.sinks.base import OpenSinks, Sink
from mien.video.sources.base import VideoInfo
from mien.video.sources.open import open_video

DEFAULT = VideoSettings()
MADE = VideoInfo("made", 25)
S = TypeVar("S", bound=Sink)


def record(
    pipeline: ExpressionPipeline,
    source: Path,
    outputs: VideoOutputs,
    settings: VideoSettings = DEFAULT,
    **options: object,
) -> VideoSummary:
    return record_video(open_video(source), FrameAnalyzer(pipeline, settings), outputs, **options)  # type: ignore[arg-type]


class Killed(BaseException):
    """Stands for the end of the process in the middle of a run."""


def killed_at(index: int, *, by: type[BaseException] = Killed) -> Listener:
    def listener(result: FrameResult) -> None:
        if result.index == index:
            raise by

    return listener


@contextmanager
def opened(sink: S, video: VideoInfo = MADE) -> Iterator[S]:
    with OpenSinks([sink], video, FERPLUS_LABELS, StageClock()):
        yield sink
