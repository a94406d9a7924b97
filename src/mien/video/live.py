"""Live analysis: capturing, analyzing and showing run at the same time, and each takes the newest there is.

source → newest frame → analyzer → newest result → display
"""

from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic

import numpy as np

from mien.video.analyzer import FrameAnalyzer
from mien.video.results import FrameResult
from mien.video.sources.base import VideoSource
from mien.video.threads import Newest

#: Rate and delay are taken over this many results.
_REMEMBERED = 300


class LiveReading:
    """Results of a live source, each time the newest.

    A frame that is not analyzed in time is replaced by the next one, and so is a result that is not shown in time;
    ``listener`` gets every result. The delay from capturing a frame to showing its result is measured.

    Args:
        video: A live source.
        analyzer: Runs in a thread of its own.
        listener: Called with every result in the analyzer's thread, to write it down; it should be quick.
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
        self._now, self.read = now, 0  # clock, and the number of analyzed frames

    def __iter__(self) -> Iterator[FrameResult]:
        return iter(self._results)

    @property
    def dropped(self) -> int:
        """Frames that came while another was analyzed."""
        return self._frames.dropped

    def note_shown(self, result: FrameResult) -> float:
        """Record that a result has been shown; returns its delay in milliseconds."""
        now = self._now()
        # A source without capture times, as one in a test, counts as shown at once.
        delay_ms = 1000 * (now - (now if result.captured_s is None else result.captured_s))
        self._delays.append(delay_ms)
        self._shown.append(now)
        return delay_ms

    def delay_ms(self, quantile: float = 0.5) -> float:
        """A quantile of the last results' delays in milliseconds; NaN before the first."""
        return float(np.quantile(list(self._delays), quantile)) if self._delays else float("nan")

    @property
    def fps(self) -> float:
        """Results shown per second, over the last ones."""
        span = self._shown[-1] - self._shown[0] if len(self._shown) > 1 else 0.0
        return (len(self._shown) - 1) / span if span else 0.0

    def _read(self, analyzer: FrameAnalyzer, listener: Callable[[FrameResult], None] | None) -> Iterator[FrameResult]:
        for frame in self._frames:
            result = analyzer.analyze(frame)
            self.read += 1
            if listener is not None:
                listener(result)
            yield result
