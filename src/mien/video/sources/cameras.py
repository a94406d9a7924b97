"""Live pictures: cameras, and recordings played at their own pace.

It does not know faces. A camera that disappears is opened again a few times, then ends without an error.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from mien.errors import SourceError
from mien.video.sources.base import VideoFrame, VideoInfo, VideoSource, files_of
from mien.video.sources.decoding import Damage, decoded_frames, load_av, to_rgb, told_as_source_error, video_stream
from mien.video.sources.devices import device_input
from mien.video.sources.sampling import Sampling


class Camera:
    """A camera, from its opening until it is gone for good.

    Args:
        device: A number (0 is the first camera) or the system's name of a device.
        rate: Frames a second asked of it; None leaves it to the camera.
        retries: How often in a row it is opened again after it disappeared, until a frame comes.
        pause_s: Between two tries.
        opener: Opens the device; for sources that behave like one.

    Raises:
        SourceError: It cannot be opened.
        MissingDependencyError: PyAV is not installed.
    """

    def __init__(
        self,
        device: int | str = 0,
        *,
        rate: float | None = None,
        retries: int = 3,
        pause_s: float = 1.0,
        opener: Callable[[], Any] | None = None,
    ) -> None:
        self._retries, self._pause_s, self._tries = retries, pause_s, 0
        self._open = opener or (lambda: _open_device(device, rate))
        self.warnings: list[str] = []
        self._container: Any = self._open()
        stream = video_stream(self._container, str(device))
        fps = float(stream.average_rate) if stream.average_rate else None
        self.info = VideoInfo(f"camera {device}", fps, live=True)

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008 - frozen
        """Frames as they are taken; their times count from the first one."""
        index, start_s, wants = -1, None, sampling.chooser()
        while self._container is not None or self._reopened():
            for frame in self._session():
                taken_s = monotonic()
                index, start_s = index + 1, taken_s if start_s is None else start_s
                if wants(index, taken_s - start_s):
                    damaged = bool(frame.is_corrupt)
                    yield VideoFrame(index, taken_s - start_s, to_rgb(frame), taken_s, damaged)

    def _session(self) -> Iterator[Any]:
        """Frames until the device is gone; it is back when one comes."""
        container, self._container = self._container, None
        damage = Damage()
        with container:
            for frame in decoded_frames(container, video_stream(container, self.info.name), damage):
                if self._tries:
                    self.warnings.append("the camera was gone and came back")
                    self._tries = 0
                yield frame
        self.warnings.extend(damage.notes())

    def _reopened(self) -> bool:
        while self._tries < self._retries:
            self._tries += 1
            sleep(self._pause_s)
            try:
                self._container = self._open()
            except SourceError:
                continue
            return True
        self.warnings.append(f"the camera is gone; it was tried {self._retries} times")
        return False


class PlayedLive:
    """A recording as if it were a camera: each frame comes when it is due, whether someone takes it or not.

    Args:
        source: The recording.
        now: The clock it is played by, in seconds.
        wait: Lets so many seconds pass on that clock.
    """

    def __init__(
        self, source: VideoSource, *, now: Callable[[], float] = monotonic, wait: Callable[[float], None] = sleep
    ) -> None:
        self._source, self._now, self._wait = source, now, wait
        self.warnings = source.warnings
        known = source.info
        self.info = VideoInfo(known.name, known.fps, known.duration_s, known.has_sound, live=True)

    @property
    def files(self) -> list[Path]:
        """Those of the recording."""
        return files_of(self._source)

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008 - frozen
        """Frames at their times."""
        start_s: float | None = None
        for frame in self._source.frames(sampling):
            start_s = self._now() - frame.timestamp_s if start_s is None else start_s
            self._wait(max(0.0, start_s + frame.timestamp_s - self._now()))
            yield replace(frame, captured_s=self._now())


def _open_device(device: int | str, rate: float | None) -> Any:
    av = load_av()
    chosen = device_input(device, platform=sys.platform, rate=rate, names=_camera_names)
    with told_as_source_error(f"camera {device}"):
        return av.open(chosen.target, format=chosen.form, options=chosen.options)


def _camera_names(form: str) -> Sequence[str] | None:
    """The cameras that an input lists; None where this PyAV or the system cannot."""
    av = load_av()
    if not hasattr(av, "enumerate_input_devices"):
        return None
    try:
        return [device.name for device in av.enumerate_input_devices(form) if "video" in device.media_types]
    except (av.error.FFmpegError, OSError, ValueError):
        return None
