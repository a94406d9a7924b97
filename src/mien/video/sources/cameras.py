"""Live sources: cameras, and recordings played in real time.

A camera that disappears is reopened a few times; then the source ends without an error.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from mien.errors import SourceError
from mien.video.sources.base import VideoFrame, VideoInfo, VideoSource, files_of
from mien.video.sources.decoding import Damage, as_source_error, decoded_frames, load_av, to_rgb, video_stream
from mien.video.sources.devices import device_input
from mien.video.sources.sampling import Sampling


class Camera:
    """A source: a camera, until it is gone for good.

    Args:
        device: A number (0 is the first camera) or the system's name of a device.
        rate: Frames per second to ask for; None leaves it to the camera.
        retries: How often in a row it is reopened after it disappeared, until a frame comes.
        pause_s: Time between two tries.
        opener: Opens the device; for other containers that behave like one.

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
        self._container: Any = self._open()  # at once, so that an absent camera is an error of the constructor
        stream = video_stream(self._container, str(device))
        fps = float(stream.average_rate) if stream.average_rate else None
        self.info = VideoInfo(f"camera {device}", fps, live=True)

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008 - frozen
        """Frames as they are captured; times count from the first one."""
        index, start_s, wants = -1, None, sampling.chooser()
        while self._container is not None or self._reopened():
            for frame in self._session():
                taken_s = monotonic()  # of the arrival: devices state times on clocks of their own
                index, start_s = index + 1, taken_s if start_s is None else start_s
                if wants(index, taken_s - start_s):
                    damaged = bool(frame.is_corrupt)
                    yield VideoFrame(index, taken_s - start_s, to_rgb(frame), taken_s, damaged)

    def _session(self) -> Iterator[Any]:
        """Frames until the device is gone."""
        container, self._container = self._container, None  # the next session opens its own
        damage = Damage()
        with container:
            for frame in decoded_frames(container, video_stream(container, self.info.name), damage):
                if self._tries:  # only a frame proves that it is back, not that it could be opened
                    self.warnings.append("the camera was gone and came back")
                    self._tries = 0
                yield frame
        self.warnings.extend(damage.notes())

    def _reopened(self) -> bool:
        """Try to open the device again; False when the tries are used up."""
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
    """A source: a recording in place of a camera; each frame comes at its time, whether it is taken or not.

    Args:
        source: The recording.
        now: The clock that it is played by, in seconds.
        wait: Waits for the given seconds on that clock.
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
        """The files of the recording."""
        return files_of(self._source)

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008 - frozen
        """Frames at their times."""
        start_s: float | None = None
        for frame in self._source.frames(sampling):
            # The first frame sets the clock; opening the file costs no delay.
            start_s = self._now() - frame.timestamp_s if start_s is None else start_s
            self._wait(max(0.0, start_s + frame.timestamp_s - self._now()))
            yield replace(frame, captured_s=self._now())


def _open_device(device: int | str, rate: float | None) -> Any:
    av = load_av()
    chosen = device_input(device, platform=sys.platform, rate=rate, names=_camera_names)
    with as_source_error(f"camera {device}"):
        return av.open(chosen.target, format=chosen.form, options=chosen.options)


def _camera_names(form: str) -> Sequence[str] | None:
    """Names of the cameras that an input lists; None where this PyAV or the system cannot list them."""
    av = load_av()
    if not hasattr(av, "enumerate_input_devices"):  # not in every PyAV
        return None
    try:
        return [device.name for device in av.enumerate_input_devices(form) if "video" in device.media_types]
    except (av.error.FFmpegError, OSError, ValueError):
        return None
