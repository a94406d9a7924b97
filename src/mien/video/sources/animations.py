"""Moving pictures of picture formats (GIF, APNG, WebP, AVIF) as videos: composed by Pillow, white where transparent.

They are recognized by their content, whatever the name ends in.
"""

from collections.abc import Iterator
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from mien.errors import ImageDecodeError, SourceError
from mien.imaging import MAX_PIXELS, load_image
from mien.imaging.formats import HAS_AVIF
from mien.video.sources.base import VideoFrame, VideoInfo
from mien.video.sources.sampling import Sampling

#: Pillow's formats that may be animated, by the first bytes of a file.
_FORMATS = {b"GIF8": "GIF", b"\x89PNG": "PNG", b"RIFF": "WEBP"}
#: Frames that state at most 10 ms are shown for 100 ms, as browsers do and files rely on.
_SHORTEST_S, _INSTEAD_S = 0.010, 0.100


class Animation:
    """A source: the frames of an animated picture at the times that it states.

    Args:
        name: A path.
        max_pixels: A picture with larger frames is refused.

    Raises:
        SourceError: It cannot be opened, or is too large.
    """

    def __init__(self, name: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> None:
        self._name, self._max_pixels = fspath(name), max_pixels
        self.warnings: list[str] = []
        with self._open() as picture:
            if picture.width * picture.height > max_pixels:
                size = f"{picture.width} × {picture.height}"
                raise SourceError(f"{self._name}: {size} pixels, expected at most {max_pixels:,}")
            # Later frames state their times only when they are decoded; most files keep one rate.
            self.info = VideoInfo(self._name, 1 / _duration_s(picture))

    @property
    def files(self) -> list[Path]:
        """The file."""
        return [Path(self._name)]

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008 - frozen
        """The wanted frames in order; the first that cannot be decoded is the last, as each builds on the one before.

        Raises:
            SourceError: Not one frame can be read.
        """
        wants, time_s, index = sampling.chooser(), 0.0, 0
        with self._open() as picture:
            # An APNG may begin with a still picture for other readers, which is not part of the animation.
            first = 1 if picture.info.get("default_image") else 0
            while self._seeks(picture, first + index):
                if wants(index, time_s):
                    try:
                        yield VideoFrame(index, time_s, load_image(picture, max_pixels=self._max_pixels))
                    except ImageDecodeError as err:
                        self.warnings.append(f"frame {index} and what follows left out ({err})")
                        break
                time_s += _duration_s(picture)
                index += 1
        if index == 0:
            reason = f" ({self.warnings[0]})" if self.warnings else ""
            raise SourceError(f"{self._name}: not one frame could be read{reason}")

    def _seeks(self, picture: Image.Image, place: int) -> bool:
        """Go to a frame and decode it; False at the end and where that fails."""
        try:
            picture.seek(place)
            picture.load()
        except EOFError:  # Pillow's sign of the end
            if place < getattr(picture, "n_frames", place):
                self.warnings.append(f"the file is cut after {place} frames")
            return False
        except Exception as err:  # noqa: BLE001 - a decoder may raise anything on damaged data
            self.warnings.append(f"frame {place} and what follows left out ({type(err).__name__})")
            return False
        return True

    def _open(self) -> Image.Image:
        picture = _opened(Path(self._name))
        if picture is None:
            raise SourceError(f"{self._name}: cannot be read as a moving picture")
        return picture


def is_animation(path: Path) -> bool:
    """Whether a file's content is an animated picture."""
    picture = _opened(path)
    if picture is None:
        return False
    # Pillow reads the second frame for it, and raises anything where that is damaged; FFmpeg may still read it
    with picture, suppress(Exception):
        return bool(getattr(picture, "is_animated", False))
    return False


def _opened(path: Path) -> Image.Image | None:
    """The picture; None where the content has none of ``_FORMATS`` or cannot be opened."""
    try:
        with path.open("rb") as stream:
            head = stream.read(12)
        is_avif = HAS_AVIF and head[4:] in {b"ftypavif", b"ftypavis"}
        form = "AVIF" if is_avif else _FORMATS.get(head[:4])
        return None if form is None else Image.open(path, formats=(form,))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return None


def _duration_s(picture: Image.Image) -> float:
    stated_s = float(picture.info.get("duration") or 0) / 1000
    return stated_s if stated_s > _SHORTEST_S else _INSTEAD_S
