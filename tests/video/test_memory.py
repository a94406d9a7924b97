"""What a long video leaves in memory: nothing that grows with the number of frames."""

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from mien.recognition.pipeline import ExpressionPipeline
from mien.video.analyzer import FrameAnalyzer
from mien.video.outputs import VideoOutputs
from mien.video.record import record_video
from mien.video.results import FrameResult
from mien.video.settings import VideoSettings
from mien.video.sources.base import VideoFrame, VideoInfo
from mien.video.sources.sampling import Sampling
from tests.videos import scene

FRAMES, SETTLED = 450, 150


class Standing:
    """A face that trembles; its three pictures are shared, so that only what is made of a frame counts."""

    def __init__(self) -> None:
        self.info, self.warnings = VideoInfo("standing", 25), list[str]()
        self._pictures = [scene([(20 + place, 10, 100)], (160, 120)) for place in range(3)]

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008
        for index in range(FRAMES):
            yield VideoFrame(index, index / 25, self._pictures[index % 3])


def test_nothing_is_kept_of_a_frame_that_is_written(pipeline: ExpressionPipeline, tmp_path: Path) -> None:
    kept = {}

    def listener(result: FrameResult) -> None:
        if result.index in {SETTLED, FRAMES - 1}:
            gc.collect()
            kept[result.index] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        analyzer = FrameAnalyzer(pipeline, VideoSettings())
        record_video(Standing(), analyzer, VideoOutputs(tmp_path / "a.csv"), listener=listener)
    finally:
        tracemalloc.stop()
    grown = (kept[FRAMES - 1] - kept[SETTLED]) / (FRAMES - SETTLED)
    assert grown < 250  # bytes a frame; a frame's row alone takes 700; the timeline's bins are bounded
