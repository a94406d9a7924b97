"""From a source to results: the frames of a video with their faces, one after the other in constant memory.

It does not know files of results; ``record.py`` writes those.
"""

from collections.abc import Iterator

from mien.recognition.pipeline import ExpressionPipeline, load
from mien.video.analyzer import FrameAnalyzer
from mien.video.results import FrameResult
from mien.video.settings import VideoSettings
from mien.video.sources.base import VideoFrame, VideoSource
from mien.video.sources.open import AnySource, open_video
from mien.video.threads import Newest, ahead

_DEFAULT = VideoSettings()


def analyze_video(
    source: AnySource,
    *,
    pipeline: ExpressionPipeline | None = None,
    settings: VideoSettings = _DEFAULT,
) -> Iterator[FrameResult]:
    """The faces of each frame with their tracks and expressions, as they are read.

    A live source gives its newest frame each time; those that came while the one before was read are dropped.

    Args:
        source: What :func:`mien.video.sources.open.open_video` takes: a video's path, an image sequence, an address,
            the number of a camera, or an object with ``info``, ``warnings`` and ``frames``.
        pipeline: Detector and network; None loads the shipped ones, with one thread each, as
            reading, encoding and the networks run at the same time.
        settings: Which frames are read, how often the detector looks, how much is smoothed.

    Raises:
        SourceError: The source cannot be opened, or not one frame can be read.
        MissingDependencyError: PyAV is not installed.
        ModelFileError: The shipped network cannot be used.
        UnknownModelError: No network ships.
    """
    video = open_video(source)
    return analyzed(video, FrameAnalyzer(pipeline or load(threads=1), settings))


def analyzed(video: VideoSource, analyzer: FrameAnalyzer, *, after: int = -1) -> Iterator[FrameResult]:
    """The results of the frames of ``video`` behind frame ``after``; reading runs in a thread of its own."""
    frames = analyzer.clock.timed("read", video.frames(analyzer.settings.sampling(after=after)))
    waiting: Iterator[VideoFrame] = iter(Newest(frames)) if video.info.live else ahead(frames)
    for frame in waiting:
        yield analyzer.analyze(frame)
