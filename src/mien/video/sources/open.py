"""From what a user names to a source of frames: a video, an address, an image sequence, or a camera."""

from os import PathLike, fspath
from pathlib import Path

from mien.errors import ConfigError
from mien.imaging import MAX_PIXELS, readable_path
from mien.runtime.files import file_key
from mien.video.sources.animations import Animation, is_animation
from mien.video.sources.base import VideoSource, files_of
from mien.video.sources.cameras import Camera
from mien.video.sources.files import VideoFile
from mien.video.sources.sampling import DEFAULT_RATE
from mien.video.sources.sequences import is_sequence, open_sequence

AnySource = str | PathLike[str] | int | VideoSource


def open_video(
    source: AnySource, *, rate: float = DEFAULT_RATE, max_pixels: int = MAX_PIXELS, formats: tuple[str, ...] = ()
) -> VideoSource:
    """The source behind a name.

    Args:
        source: A path of a video or an animated picture; a folder, pattern (``"frames/*.png"``) or numbered name
            (``frame%04d.png``) of pictures; an address with a scheme (``rtsp://``, ``http://``), which is then fetched;
            the number of a camera or its ``/dev/video0``; or any object with ``info``, ``warnings`` and ``frames``.
        rate: Frames per second of an image sequence.
        max_pixels: A video with larger frames is refused; of a sequence, larger pictures are left out.
        formats: FFmpeg's names of the formats that an untrusted file may have. Empty allows all.

    Raises:
        ConfigError: ``rate`` is out of range.
        SourceError: It cannot be opened or has no video stream.
        MissingDependencyError: PyAV is not installed.
    """
    if isinstance(source, int):
        return Camera(source)
    if not isinstance(source, str | PathLike):
        return source
    name = fspath(source)
    if _is_device(name):
        return Camera(name)
    if "://" not in name and is_sequence(name):
        return open_sequence(name, rate=rate, max_pixels=max_pixels)
    if "://" not in name and is_animation(Path(name)):  # cannot refer to other files, so formats do not matter
        return Animation(name, max_pixels=max_pixels)
    return VideoFile(name, max_pixels=max_pixels, formats=formats)


def display_name(source: VideoSource) -> str:
    """The last part of a source's name, in characters that can be encoded; for titles."""
    return Path(readable_path(Path(source.info.name))).name or source.info.name


def spare_source(source: VideoSource, *outputs: Path | None) -> None:
    """Refuse outputs that would overwrite the source.

    Raises:
        ConfigError: One is the source's own file or one of its pictures, also by another name or a link.
    """
    read = {file_key(file) for file in files_of(source)}
    for output in outputs:
        if output is not None and file_key(output) in read:
            raise ConfigError(f"{output} is the source itself, and would be overwritten", hint="choose another name")


def _is_device(name: str) -> bool:
    """Whether ``name`` is a camera's, also if it is not connected."""
    path = Path(name)
    return path.is_char_device() or (name.startswith("/dev/video") and not path.exists())
