"""A live source that comes step by step, and a detector whose work lasts steps: no test depends on real time."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from threading import Condition

import numpy as np

from mien.detection.base import FaceDetection
from mien.geometry import ByteArray
from mien.video.sources.base import VideoFrame, VideoInfo
from mien.video.sources.sampling import Sampling

FRAME_S = 0.04
#: Seconds after which a test that waits in vain fails.
PATIENCE_S = 60
_BLACK = np.zeros((48, 64, 3), np.uint8)


class Steps:
    """Gives its first frame at once and others as they are allowed; its clock goes on by a frame's time a step."""

    def __init__(self, frames: int, image: ByteArray = _BLACK) -> None:
        self.info = VideoInfo("steps", 1 / FRAME_S, live=True)
        self.warnings: list[str] = []
        self._image, self._frames = image, frames
        self._allowed, self._given, self._is_over, self._steps = 1, 0, False, 0
        self._changed = Condition()

    def now(self) -> float:
        """Seconds on its clock."""
        return self._steps * FRAME_S

    def go_on(self, steps: int = 1) -> None:
        """Let so many more frames come, as far as there are any, and return when someone else was offered them."""
        with self._changed:
            self._steps += steps
            self._allowed = min(self._allowed + steps, self._frames)
            self._changed.notify_all()
            self._wait(lambda: self._given >= self._allowed)

    def end(self) -> None:
        """Give no more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008
        for index in range(self._frames):
            with self._changed:
                self._wait(partial(self._is_allowed, index))
                if self._is_over:
                    return
            yield VideoFrame(index, index * FRAME_S, self._image, index * FRAME_S)
            with self._changed:
                self._given = index + 1
                self._changed.notify_all()

    def _is_allowed(self, index: int) -> bool:
        return self._allowed > index

    def _wait(self, done: Callable[[], bool]) -> None:
        assert self._changed.wait_for(lambda: done() or self._is_over, PATIENCE_S)


class SlowDetector:
    """Finds nothing, and takes so many steps of a source for it."""

    name = "blazeface"
    files: Mapping[str, str] = {}

    def __init__(self, source: Steps, steps: int) -> None:
        self._source, self._steps = source, steps

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        self._source.go_on(self._steps)
        return ()


class EndedAtOnce:
    """A source whose reader the keyboard ends before the first frame."""

    info = VideoInfo("ended", 1 / FRAME_S)

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008
        raise KeyboardInterrupt
        yield
