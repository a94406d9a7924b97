"""Image sequences: a folder, a pattern, a list of files or of arrays as a video with a given frame rate."""

import re
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from os import PathLike
from pathlib import Path

from mien.errors import ConfigError, ImageDecodeError, SourceError
from mien.imaging import MAX_PIXELS, ImageSource, load_image
from mien.imaging.folders import LeftOut, is_junk, is_wanted, search_folder
from mien.video.sources.base import MAX_RATE, MIN_RATE, VideoFrame, VideoInfo
from mien.video.sources.sampling import DEFAULT_RATE, Sampling

_NUMBERED = re.compile(r"%0?\d*d")


class ImageSequence:
    """A source: pictures as frames; one that cannot be read is left out with a warning, and its number with it.

    Args:
        pictures: In order, anything that :func:`mien.load_image` takes.
        rate: Frames per second, 1e-6 to 1e6.
        name: Its name in results and errors.
        max_pixels: Larger pictures are left out with a warning.

    Raises:
        ConfigError: ``rate`` is out of range.
        SourceError: There is no picture.
    """

    def __init__(
        self,
        pictures: Sequence[ImageSource],
        *,
        rate: float = DEFAULT_RATE,
        name: str = "pictures",
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if not MIN_RATE <= rate <= MAX_RATE:
            raise ConfigError(f"rate is {rate:g}, expected {MIN_RATE:g} to {MAX_RATE:g} frames per second")
        if not pictures:
            raise SourceError(f"{name}: no pictures found")
        self._pictures, self._rate, self._max_pixels = pictures, rate, max_pixels
        self.warnings: list[str] = []
        self.info = VideoInfo(name, rate, len(pictures) / rate)

    @property
    def files(self) -> list[Path]:
        """The pictures that are files."""
        return [Path(picture) for picture in self._pictures if isinstance(picture, str | PathLike)]

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008 - frozen
        """The wanted pictures in order.

        Raises:
            SourceError: Not one picture can be read.
        """
        tried, failed, wants = 0, list[str](), sampling.chooser()
        for index, picture in enumerate(self._pictures):
            time_s = index / self._rate
            if not wants(index, time_s):
                continue
            tried += 1
            try:
                image = load_image(picture, max_pixels=self._max_pixels)
            except (SourceError, ImageDecodeError) as err:
                failed.append(str(err))
                self.warnings.append(f"left out {err}")
                continue
            yield VideoFrame(index, time_s, image)
        # A resumed run has read pictures before, so it ends with warnings alone.
        if failed and len(failed) == tried and sampling.after < 0:
            raise SourceError(f"{self.info.name}: not one picture could be read ({failed[0]})")


def is_sequence(name: str) -> bool:
    """Whether ``name`` is a folder, a pattern, or numbered like ``frame%04d.png``."""
    path = Path(name)
    # A file may have brackets or a percent sign in its own name.
    return path.is_dir() or (not path.exists() and (has_magic(name) or bool(_NUMBERED.search(name))))


def open_sequence(name: str, *, rate: float = DEFAULT_RATE, max_pixels: int = MAX_PIXELS) -> ImageSequence:
    """The pictures behind a folder or a pattern, numbers in names counted as numbers.

    Raises:
        ConfigError: ``rate`` is out of range.
        SourceError: There are none.
    """
    path = Path(name)
    pattern = _NUMBERED.sub("*", name)
    left_out = LeftOut()
    if path.is_dir():
        pictures = list(search_folder(path, left_out, deep=False))
    else:
        found = [Path(file) for file in glob(pattern)]  # noqa: PTH207 - absolute too
        pictures = [file for file in found if not is_junk(file.name) and is_wanted(file, left_out)]
    warnings = left_out.lines()
    if not pictures and warnings:
        raise SourceError(f"{name}: no pictures that can be read; {warnings[0]}")
    sequence = ImageSequence([*sorted(pictures, key=_by_number)], rate=rate, name=name, max_pixels=max_pixels)
    sequence.warnings += warnings
    return sequence


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Sort key in which frame10 comes after frame9; digits alternate with text, so like compares with like."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
