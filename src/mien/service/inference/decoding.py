"""Decoding of uploads in worker processes that can be ended."""

from dataclasses import dataclass

from mien.geometry import ByteArray
from mien.imaging.isolated import Encoded, IsolatedReader


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as a client sent it: the file's name, cleaned, and the bytes."""

    name: str
    content: bytes


class Decoder:
    """Worker processes that turn uploads into pixels.

    Args:
        workers: Number of processes.
        timeout_s: Longest time for a picture.
        max_pixels: Larger pictures are refused by their header.
    """

    def __init__(self, *, workers: int, timeout_s: float, max_pixels: int) -> None:
        self._reader = IsolatedReader(workers=workers, time_s=timeout_s, max_pixels=max_pixels)

    def wait_until_started(self) -> None:
        """Until a worker has decoded its first picture."""
        self._reader.wait_until_started()

    def decode(self, upload: Upload) -> ByteArray:
        """The picture as RGB uint8 (H, W, 3); blocks until it is decoded.

        Raises:
            ImageDecodeError: It is not a picture of an accepted format and size, or its decoder hangs or crashes.
        """
        return self._reader.read(Encoded(upload.name, upload.content))

    def close(self) -> None:
        """End the workers."""
        self._reader.close()
