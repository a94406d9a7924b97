"""Recording with the tests' pipeline, to the end or to where it is killed."""

from pathlib import Path

from mien.recognition.pipeline import ExpressionPipeline
from mien.video.analyzer import FrameAnalyzer
from mien.video.record import Listener, Outputs, VideoSummary, record_video
from mien.video.results import FrameResult
from mien.video.settings import VideoSettings
from mien.video.sources.open import open_video

DEFAULT = VideoSettings()


def record(
    pipeline: ExpressionPipeline,
    source: Path,
    outputs: Outputs,
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
