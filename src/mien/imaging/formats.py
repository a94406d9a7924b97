"""The formats that are opened, by content: one explicit list for library, command line and service.

It does not decode. Left out are formats that start another program (EPS starts Ghostscript), and those whose readers
are written in Python and take minutes for a small file.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import BinaryIO

from PIL import Image, ImageFile

from mien.errors import ConfigError, ImageDecodeError, ImageFormatError
from mien.imaging.limits import check_parts
from mien.imaging.mistakes import hint_for
from mien.imaging.tiff import open_tiff
from mien.runtime.optional import extra
from mien.runtime.translation import translate_errors

Opener = Callable[[BinaryIO, str], ImageFile.ImageFile]

#: What is opened unless a caller asks for more, by Pillow's names. HEIF needs ``mien[heif]``.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "ICO", "PPM", "HEIF")
#: Formats with which Pillow runs other programs on a file's content.
STARTS_PROGRAMS = frozenset({"EPS"})

_HEIC = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".mpo", ".pjpeg", ".pjp"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff", ".btf", ".tf8"),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jpm"),
    "ICO": (".ico",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
}


#: Whether HEIC and AVIF are read here.
HAS_HEIF, HAS_AVIF = find_spec("pi_heif") is not None, find_spec("PIL._avif") is not None

#: Endings of files that are read, in lower case.
IMAGE_SUFFIXES = frozenset(
    suffix for form, suffixes in _SUFFIXES.items() if HAS_AVIF or form != "AVIF" for suffix in suffixes
) | (_HEIC if HAS_HEIF else frozenset())


def is_certain(head: bytes) -> bool:
    """Whether a file whose name does not say so is a picture, by its first 16 bytes.

    Formats whose mark is two letters or less (BMP, PPM, ICO) are known by their endings alone.
    """
    strong = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  \r\n")
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    return (
        head.startswith(strong)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (brand in {b"avif", b"avis"} and HAS_AVIF)
        or (brand in _HEIF_BRANDS and HAS_HEIF)
    )


def open_picture(
    stream: BinaryIO, name: str, *, max_pixels: int, formats: tuple[str, ...] | None = None
) -> ImageFile.ImageFile:
    """The header of a picture, in a format that is allowed.

    Unlike ``PIL.Image.open`` it has no limit of pixels, which is the caller's to set.

    Args:
        stream: Seekable.
        name: What errors call it.
        max_pixels: For what can only be checked before the file is opened, such as the strips of a TIFF.
        formats: Pillow's names of the formats that are allowed; None for :data:`FORMATS`.

    Raises:
        ConfigError: A format is unknown.
        ImageFormatError: The content is in none of the formats; the hint says what it seems to be.
        ImageDecodeError: The header is damaged, or the file has too many parts.
    """
    stream.seek(0)
    head = stream.read(32)
    refused = None
    for form in formats or FORMATS:
        opener = _opener_for(form, head)
        if opener is None:
            continue
        check_parts(stream, form, max_pixels, name)
        stream.seek(0)
        try:
            with translate_errors(partial(_cannot_read, name, form)):
                return opener(stream, "")
        except ImageDecodeError as err:
            refused = refused or err
    if refused is not None:
        raise refused
    raise ImageFormatError(f"{name}: not a picture in a known format", hint=hint_for(stream))


def _cannot_read(name: str, form: str, why: str) -> ImageDecodeError:
    return ImageDecodeError(f"{name}: damaged picture, or an unusual kind of {form} ({why})")


def _opener_for(form: str, head: bytes) -> Opener | None:
    """How a file of a format is opened; None where the head is not of this format, or the extra is not there."""
    if form == "HEIF":
        return _heif_opener(head)
    if form not in Image.OPEN:
        Image.preinit()
    if form not in Image.OPEN:
        Image.init()
    if form not in Image.OPEN:
        if form in FORMATS:
            return None  # this Pillow was built without it
        raise ConfigError(f"no picture format {form!r}", hint=f"the usual ones are {', '.join(FORMATS)}")
    opener, accepts = Image.OPEN[form]
    is_of_form = accepts is None or accepts(head[:16]) is True
    return (open_tiff if form == "TIFF" else opener) if is_of_form else None


def _heif_opener(head: bytes) -> Opener | None:
    if not HAS_HEIF or head[4:8] != b"ftyp" or head[8:12] not in _HEIF_BRANDS:
        return None
    with extra("heif"):
        from pi_heif import HeifImageFile  # noqa: PLC0415 - an extra

    return HeifImageFile  # type: ignore[no-any-return]
