"""Live reading: the newest frame is read while the next one is taken and the last one shown, and nothing waits.

It does not know where results are shown. The delay from taking a frame to showing its result is measured.
"""

from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic

import numpy as np

from mien.video.analyzer import FrameAnalyzer
from mien.video.results import FrameResult
from mien.video.sources.base import VideoSource
from mien.video.threads import Newest

#: Delays and times of the last so many results.
_REMEMBERED = 300


class LiveReading:
    """Results of a live source, each time the newest.

    A frame that comes while the one before is read replaces it; a result that comes while the one before is shown
    replaces it too, but ``listener`` has seen it.

    Args:
        video: A source that comes at its own pace.
        analyzer: Reads the frames, in a thread of its own.
        listener: Is given every result in the analyzer's thread, to write it down; it should be quick.
        now: The clock of the frames' ``captured_s``, in seconds.
    """

    def __init__(
        self,
        video: VideoSource,
        analyzer: FrameAnalyzer,
        *,
        listener: Callable[[FrameResult], None] | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._frames = Newest(analyzer.clock.timed("read", video.frames(analyzer.settings.sampling())))
        self._results = Newest(self._read(analyzer, listener))
        self._delays: deque[float] = deque(maxlen=_REMEMBERED)
        self._shown: deque[float] = deque(maxlen=_REMEMBERED)
        self._now, self.read = now, 0

    def __iter__(self) -> Iterator[FrameResult]:
        return iter(self._results)

    @property
    def dropped(self) -> int:
        """Frames that came while another was read."""
        return self._frames.dropped

    def note_shown(self, result: FrameResult) -> float:
        """To be called when a result has been shown; gives its delay in milliseconds."""
        now = self._now()
        delay_ms = 1000 * (now - (now if result.captured_s is None else result.captured_s))
        self._delays.append(delay_ms)
        self._shown.append(now)
        return delay_ms

    def delay_ms(self, quantile: float = 0.5) -> float:
        """Of the last results; NaN before the first."""
        return float(np.quantile(list(self._delays), quantile)) if self._delays else float("nan")

    @property
    def fps(self) -> float:
        """Shown results a second, of late."""
        span = self._shown[-1] - self._shown[0] if len(self._shown) > 1 else 0.0
        return (len(self._shown) - 1) / span if span else 0.0

    def _read(self, analyzer: FrameAnalyzer, listener: Callable[[FrameResult], None] | None) -> Iterator[FrameResult]:
        for frame in self._frames:
            result = analyzer.analyze(frame)
            self.read += 1
            if listener is not None:
                listener(result)
            yield result
