"""Reading pictures in worker processes, which are ended where a picture takes too long or too much, or crashes them.

The same way as ``reading.py``, for pictures of strangers: decoders are written in C and may hang or crash. This module
is imported by the workers: it must stay light.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from mien.errors import (
    ImageDecodeError,
    ImageSizeError,
    LimitError,
    MienError,
    OverdueError,
    WorkerError,
    WorkerStartError,
)
from mien.geometry import ByteArray
from mien.imaging.headers import stated_pixels
from mien.imaging.limits import LARGE_PIXELS, MAX_PIXELS, PICTURE_TIME_S
from mien.imaging.reading import ImageSource, load_image, quoted
from mien.runtime.workers import WorkerPool

#: Bytes for each allowed pixel (17 in WebP, the costliest format, and a copy for the answer), and for the libraries.
_BYTES_A_PIXEL, _BASE_BYTES = 24, 2**28
#: Decoded pictures that wait for their turn, in bytes.
_HELD_BYTES = 2**27
#: The smallest picture there is to start a worker with: one white pixel, as PPM.
_WARM_UP = b"P6 1 1 255 \xff\xff\xff"


class Encoded(NamedTuple):
    """A picture for a worker: what errors call it, and its path, its bytes, or what became of it here."""

    name: str
    content: str | bytes | ByteArray | MienError


class _Order(NamedTuple):
    picture: Encoded
    max_pixels: int
    allow_urls: bool = False


class IsolatedReader:
    """Worker processes that turn files and bytes into pixels, as :func:`mien.imaging.load_image` does.

    Args:
        workers: Number of processes.
        time_s: Longest time for a picture.
        max_pixels: Larger pictures are refused by their header. Memory is limited to what pictures of this size take.
        allow_urls: Fetch pictures at ``https://`` addresses.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        time_s: float = PICTURE_TIME_S,
        max_pixels: int = MAX_PIXELS,
        allow_urls: bool = False,
    ) -> None:
        self._time_s, self._max_pixels, self._allow_urls = time_s, max_pixels, allow_urls
        memory = _BASE_BYTES + _BYTES_A_PIXEL * max_pixels
        self._pool = WorkerPool(_decode, workers=workers, time_s=time_s, memory_bytes=memory, held_bytes=_HELD_BYTES)
        # each worker imports its libraries now, and not while the first picture waits
        self._warming = [self._pool.submit(_Order(Encoded("warm-up", _WARM_UP), 1)) for _ in range(workers)]

    def wait_until_started(self) -> None:
        """Until a worker has decoded its first picture."""
        wait(self._warming, timeout=60, return_when=FIRST_COMPLETED)

    def read(self, picture: Encoded) -> ByteArray:
        """The picture as RGB uint8 (H, W, 3); blocks until it is decoded.

        Raises:
            SourceError: There is no such file.
            ImageDecodeError: It is not a picture of an accepted format and size, or its decoder hangs or crashes.
        """
        try:
            return self._pool.submit(_Order(picture, self._max_pixels)).result()
        except MienError as err:
            raise self._as_picture_error(picture.name, err) from err

    def read_all(self, sources: Iterable[ImageSource]) -> Iterator[ByteArray | MienError]:
        """The pictures in order, errors in their places; few of them are held at a time.

        Files and bytes are decoded by the workers; arrays, PIL images and open files are read here. A picture of more
        than :data:`~mien.imaging.limits.LARGE_PIXELS`, as far as JPEG and PNG state them, is decoded alone, when the
        one before it has been taken and let go.
        """
        waiting, large = iter(sources), deque[Encoded]()
        names: deque[str] = deque()

        def orders() -> Iterator[_Order]:
            for source in waiting:
                picture = _for_worker(source, self._max_pixels)
                if _is_large(picture):
                    large.append(picture)
                    return
                names.append(picture.name)
                yield self._order(picture)

        while True:
            for outcome in self._pool.map(orders()):
                name = names.popleft()
                yield self._as_picture_error(name, outcome) if isinstance(outcome, MienError) else outcome
                del outcome  # or it would be held while the next is decoded
            if not large:
                return
            yield self._alone(large.popleft())

    def _alone(self, picture: Encoded) -> ByteArray | MienError:
        try:
            return self._pool.submit(self._order(picture)).result()
        except MienError as err:
            return self._as_picture_error(picture.name, err)

    def _order(self, picture: Encoded) -> _Order:
        return _Order(picture, self._max_pixels, self._allow_urls)

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def _as_picture_error(self, name: str, err: MienError) -> MienError:
        """An error of a worker as one of its picture."""
        if name and str(err).startswith(name):
            return err  # of the reader itself
        match err:
            case OverdueError():
                return ImageDecodeError(
                    f"{name}: decoding takes longer than {self._time_s:g} s",
                    hint="save the picture again, smaller or in another format",
                )
            case LimitError():
                return ImageSizeError(f"{name}: {err}", hint="make the picture smaller")
            case WorkerStartError():
                return err  # no fault of the picture
            case WorkerError():
                return ImageDecodeError(f"{name}: damaged picture, its decoder crashed")
        return err


def _for_worker(source: ImageSource, max_pixels: int) -> Encoded:
    if isinstance(source, str | PathLike):
        return Encoded(quoted(source), fspath(source))
    if isinstance(source, bytes):
        return Encoded("bytes", source)
    name = str(getattr(source, "name", "picture"))
    if isinstance(source, BytesIO):
        return Encoded(name, source.getvalue())
    try:
        return Encoded(name, load_image(source, max_pixels=max_pixels))
    except MienError as err:
        return Encoded(name, err)


def _is_large(picture: Encoded) -> bool:
    content = picture.content
    try:
        if isinstance(content, bytes):
            pixels = stated_pixels(BytesIO(content))
        elif isinstance(content, str) and Path(content).is_file():  # a pipe would keep who opens it waiting
            with Path(content).open("rb") as stream:
                pixels = stated_pixels(stream)
        else:
            return False
    except (OSError, ValueError):
        return False  # whoever decodes it says what is wrong
    return pixels is not None and pixels > LARGE_PIXELS


def _decode(order: _Order) -> ByteArray:
    picture, max_pixels, allow_urls = order
    if isinstance(picture.content, MienError):
        raise picture.content
    if isinstance(picture.content, bytes):
        stream = BytesIO(picture.content)
        stream.name = picture.name  # error messages name the picture by it
        return load_image(stream, max_pixels=max_pixels)
    return load_image(picture.content, max_pixels=max_pixels, allow_urls=allow_urls)
