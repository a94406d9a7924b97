"""The pictures of a stream, decoded one after the other in this process or ahead in worker processes."""

from collections import deque
from collections.abc import Iterable, Iterator

from mien.errors import ImageDecodeError, LimitError, MienError, OverdueError, SourceError
from mien.geometry import ByteArray
from mien.imaging import ImageSource, describe_source, load_image
from mien.recognition.results import FailedImage


def decoded(
    sources: Iterable[ImageSource], *, workers: int, time_s: float, max_pixels: int, allow_urls: bool
) -> Iterator[tuple[str | None, ByteArray | FailedImage]]:
    """Name and pixels (H, W, 3) of each picture in order, or its failure.

    Args:
        sources: Pictures.
        workers: Number of processes that decode; 0 decodes in this one.
        time_s: Time limit per picture in a worker, in seconds.
        max_pixels: Pictures with more pixels are refused.
        allow_urls: Fetch pictures at ``https://`` addresses.
    """
    if not workers:
        for source in sources:
            yield describe_source(source), _load_or_fail(source, max_pixels, allow_urls=allow_urls)
        return
    from mien.imaging.isolated import IsolatedReader  # noqa: PLC0415 - one picture needs no processes

    names: deque[str | None] = deque()

    def named() -> Iterator[ImageSource]:
        for source in sources:
            names.append(describe_source(source))  # taken ahead of the outcomes, by at most the reader's lead
            yield source

    with IsolatedReader(workers=workers, time_s=time_s, max_pixels=max_pixels, allow_urls=allow_urls) as reader:
        for outcome in reader.read_all(named()):
            name = names.popleft()
            yield name, FailedImage(name, outcome) if isinstance(outcome, MienError) else outcome
            del outcome  # a large picture would be held while the next is decoded


def _load_or_fail(source: ImageSource, max_pixels: int, *, allow_urls: bool) -> ByteArray | FailedImage:
    try:
        return load_image(source, max_pixels=max_pixels, allow_urls=allow_urls)
    except (SourceError, ImageDecodeError, LimitError, OverdueError) as err:
        return FailedImage(describe_source(source), err)
