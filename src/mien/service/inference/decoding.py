"""Decoding in worker processes, which are killed when a picture takes too long or too much memory.

The workers import this module, so it imports little.
"""

from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from io import BytesIO

from mien.errors import ImageDecodeError, ImageSizeError, LimitError, OverdueError, WorkerError
from mien.geometry import ByteArray
from mien.imaging import load_image
from mien.runtime.workers import WorkerPool

#: Memory limit of a worker: bytes per allowed pixel (17 in WebP, the costliest format, and a copy for the answer), and
#: bytes for the libraries.
_BYTES_A_PIXEL, _BASE_BYTES = 24, 2**28
#: The smallest picture, one white pixel as PPM, to start a worker with.
_WARM_UP = b"P6 1 1 255 \xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as a client sent it: the cleaned file name and the bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Order:
    """What goes to a worker."""

    upload: Upload
    max_pixels: int


class Decoder:
    """Worker processes that turn uploads into pixels.

    Args:
        workers: Number of processes.
        timeout_s: Longest time for one picture.
        max_pixels: Pictures whose header states more are refused.
    """

    def __init__(self, *, workers: int, timeout_s: float, max_pixels: int) -> None:
        self._timeout_s, self._max_pixels = timeout_s, max_pixels
        memory = _BASE_BYTES + _BYTES_A_PIXEL * max_pixels
        self._pool = WorkerPool(_decode, workers=workers, time_s=timeout_s, memory_bytes=memory)
        # Each worker imports its libraries now, not while the first client waits.
        self._warming = [self._pool.submit(_Order(Upload("warm-up", _WARM_UP), 1)) for _ in range(workers)]

    def wait_until_started(self) -> None:
        """Block until one worker has decoded its first picture."""
        wait(self._warming, timeout=60, return_when=FIRST_COMPLETED)

    def decode(self, upload: Upload) -> ByteArray:
        """The picture as RGB uint8 (H, W, 3); blocks until it is decoded.

        Raises:
            ImageDecodeError: It is not a picture of an accepted format and size, or its decoder hangs or crashes.
        """
        try:
            return self._pool.submit(_Order(upload, self._max_pixels)).result()
        except OverdueError as err:
            text = f"{upload.name}: decoding takes longer than {self._timeout_s:g} s"
            raise ImageDecodeError(text, hint="save the picture again, smaller or in another format") from err
        except LimitError as err:
            raise ImageSizeError(f"{upload.name}: {err}", hint="make the picture smaller") from err
        except WorkerError as err:
            raise ImageDecodeError(f"{upload.name}: damaged picture, its decoder crashed") from err

    def close(self) -> None:
        """End the workers."""
        self._pool.close()


def _decode(order: _Order) -> ByteArray:
    stream = BytesIO(order.upload.content)
    stream.name = order.upload.name  # error messages name the picture by it
    return load_image(stream, max_pixels=order.max_pixels)
