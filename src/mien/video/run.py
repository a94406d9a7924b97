"""From a source to results: the frames of a video with their faces, one after the other in constant memory.

It writes nothing; ``record.py`` does.
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
    """The faces of each frame with their tracks and expressions, frame by frame.

    A live source gives its newest frame each time; frames that come while another is analyzed are dropped.

    Args:
        source: What :func:`mien.video.sources.open.open_video` takes: a video's path, an image sequence, an address,
            the number of a camera, or an object with ``info``, ``warnings`` and ``frames``.
        pipeline: Detector and network; None loads the shipped ones with one thread each, since reading, encoding and
            the networks run at the same time.
        settings: Which frames are read, how often the detector runs, how much is smoothed.

    Raises:
        SourceError: The source cannot be opened, or not one frame can be read.
        MissingDependencyError: PyAV is not installed.
        ModelFileError: The shipped network cannot be used.
        UnknownModelError: No network ships.
    """
    video = open_video(source)
    return analyzed(video, FrameAnalyzer(pipeline or load(threads=1), settings))


def analyzed(video: VideoSource, analyzer: FrameAnalyzer, *, after: int = -1) -> Iterator[FrameResult]:
    """The results of the frames of ``video`` after frame ``after``; reading runs in a thread of its own."""
    frames = analyzer.clock.timed("read", video.frames(analyzer.settings.sampling(after=after)))
    # A file waits for its reader; a camera does not, so its late frames are dropped.
    waiting: Iterator[VideoFrame] = iter(Newest(frames)) if video.info.live else ahead(frames)
    for frame in waiting:
        yield analyzer.analyze(frame)
