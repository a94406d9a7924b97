"""What people send in place of a picture that can be read, each with what to do.

It does not open anything; it looks at the first bytes.
"""

import re
from typing import BinaryIO

#: Endings of pictures that are not read, with what they are; cameras' raw files are one kind.
UNREADABLE_SUFFIXES = {
    **dict.fromkeys((".heic", ".heics", ".heif", ".heifs", ".hif"), "HEIC"),
    **dict.fromkeys((".jxl",), "JPEG XL"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    **dict.fromkeys(
        (
            *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".k25", ".kdc", ".mef"),
            *(".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw"),
            ".x3f",
        ),
        "raw",
    ),
    **dict.fromkeys((".psd", ".psb", ".xcf", ".kra", ".ai"), "layered"),
    **dict.fromkeys((".eps", ".ps", ".svg", ".svgz", ".wmf", ".emf"), "drawn"),
    **dict.fromkeys((".tga", ".pcx", ".dds", ".exr", ".hdr", ".qoi", ".icns", ".sgi", ".rgb", ".jxr", ".bpg"), "rare"),
}

EXPORT = "export it as JPEG or PNG"
HINTS = {
    "HEIC": f"HEIC needs pip install 'mien[heif]', or {EXPORT}",
    "JPEG XL": f"JPEG XL is not read; {EXPORT}",
    "AVIF": f"this Pillow reads no AVIF; upgrade it, or {EXPORT}",
    "raw": f"cameras' raw files are not read; develop it and {EXPORT}",
    "layered": f"files of image editors are not read; {EXPORT}",
    "drawn": f"EPS, PostScript, SVG and the like are not read, as other programs draw them; {EXPORT}",
    "rare": f"this format is not read; {EXPORT}",
    "video": "this is a video: mien video reads it",
    "gzip": "this is packed with gzip: unpack it first",
    "archive": "this is an archive: unpack it and give the folder",
    "PDF": f"PDF is not read; {EXPORT}",
    "data address": "this is a data: address: decode the base64 after the comma and give the bytes themselves",
    "base64": "this is base64: decode it and give the bytes themselves",
    "JSON": "this is JSON: give the picture's bytes themselves, or a form with the field files",
    "form": "this is the body of a form: its content type must be multipart/form-data with the boundary",
    "web page": "this is a web page: save the picture itself",
    "nothing": "it is empty",
    "text": "this is text",
}

_BY_HEAD = (
    (rb"\Z", "nothing"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"),
    (rb"....ftyp(avif|avis)", "AVIF"),
    (rb"....ftyp(hei|hev|mif1|msf1)", "HEIC"),
    (rb"....ftypcrx|II\*\0....CR|FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb|\0MRM", "raw"),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01\xba|OggS|FLV\x01|\x30\x26\xb2\x75|....moov", "video"),
    (rb"%!PS|\xc5\xd0\xd3\xc6|\xd7\xcd\xc6\x9a", "drawn"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]{0,200}>\s*)?(<!--.{0,200}?-->\s*)?(<!DOCTYPE svg[^>]{0,200}>\s*)?<svg", "drawn"),
    (rb"8BPS|gimp xcf", "layered"),
    (rb"DDS |v/1\x01|#\?R|qoif|icns|\x01\xda|II\xbc|BPG\xfb", "rare"),
    (rb"%PDF", "PDF"),
    (rb"\x1f\x8b", "gzip"),
    (rb"PK\x03\x04|7z\xbc\xaf|Rar!|\xfd7zXZ|BZh|\x28\xb5\x2f\xfd", "archive"),
    (rb"\s*[\"']?data:", "data address"),
    (rb"(\xef\xbb\xbf)?\s*(\{|\[)", "JSON"),
    (rb"--[^\r\n]{1,200}\r?\nContent-", "form"),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)", "web page"),
    (rb"[\"']?(/9j/|iVBORw0KGgo|R0lGOD|UklGR|Qk[0-3]|SUkqA|TU0AK|AAAA)[A-Za-z0-9+/=\s]*[\"']?\s*\Z", "base64"),
    (rb"[A-Za-z0-9+/_-]{64}", "base64"),
    (rb"[\t\n\r\x20-\x7e\x80-\xff]{1,}\Z", "text"),
)
_HEAD_BYTES = 512
#: Linux takes no longer path; text of this length without a dot is no name of a picture.
_LONGEST_PATH = 255


def kind_of(head: bytes) -> str | None:
    """What content that is no readable picture seems to be, a key of :data:`HINTS`; None where nothing is known."""
    for pattern, kind in _BY_HEAD:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return kind
    return None


def hint_for(stream: BinaryIO) -> str | None:
    """What to do about content that is no readable picture."""
    stream.seek(0)
    kind = kind_of(stream.read(_HEAD_BYTES))
    return None if kind is None else HINTS[kind]


def hint_for_name(name: str) -> str | None:
    """What to do about a text that was given as a path and is none; None where it may be one."""
    if not name:
        return "it is empty"
    if re.match(r"\s*data:[\w/+.-]*[;,]", name):
        return HINTS["data address"]
    if re.match(r"\s*[{\[]\s*[\"{\[\]}]", name):
        return HINTS["JSON"]
    if len(name) > _LONGEST_PATH and re.fullmatch(r"[A-Za-z0-9+/_=\s-]+", name):
        return HINTS["base64"]
    return None
