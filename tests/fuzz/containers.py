"""Where the numbers lie that readers of containers parse, and checksums that fit after they were changed."""

import struct
import zlib

from tests.fuzz.mutation import Field, spans

#: Boxes of ISO base media files that hold other boxes, and how far into them these begin.
_NESTED = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"edts": 0, b"dinf": 0, b"udta": 0}
_NESTED |= {b"meta": 4, b"iprp": 0, b"ipco": 0, b"jp2h": 0, b"stsd": 8}
#: So many bytes of a part are taken for fields; behind them lie data.
_MOST = 96


def boxes(content: bytes, start: int = 0, stop: int | None = None) -> list[Field]:
    """Of MP4, AVIF and JPEG 2000."""
    found: list[Field] = []
    at, stop = start, len(content) if stop is None else stop
    while at + 8 <= stop:
        size, kind = struct.unpack_from(">I4s", content, at)
        end = at + size if 8 <= size <= stop - at else stop
        found += [(at, 4), (at + 4, 4)]
        if kind in _NESTED:
            found += boxes(content, at + 8 + _NESTED[kind], end)
        elif kind == b"jp2c":
            found += spans(at + 8, min(end, at + 8 + 160))
        elif kind != b"mdat":
            found += spans(at + 8, min(end, at + 8 + _MOST))
        at = end
    return found


def riff(content: bytes, start: int = 12, stop: int | None = None) -> list[Field]:
    """Of WebP and AVI."""
    found: list[Field] = [(4, 4)]
    at, stop = start, len(content) if stop is None else stop
    while at + 8 <= stop:
        kind, size = struct.unpack_from("<4sI", content, at)
        end = min(at + 8 + size + size % 2, stop)
        found += [(at, 4), (at + 4, 4)]
        if kind == b"LIST":
            found += riff(content, at + 12, end)[1:]
        else:
            found += spans(at + 8, min(end, at + 8 + 40))
        at = end
    return found


def png(content: bytes) -> list[Field]:
    """Lengths, names and contents of chunks, but compressed pixels."""
    found: list[Field] = []
    at = 8
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        found += [(at + 4, 4)] if kind in {b"IDAT", b"IEND"} else [(at, 4), (at + 4, 4)]
        if kind != b"IDAT":
            found += spans(at + 8, min(at + 8 + length, at + 8 + _MOST))
        at += 12 + length
    return found


def with_png_checksums(content: bytes) -> bytes:
    """The chunks with checksums that fit."""
    out, at = bytearray(content[:8]), 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if at + 12 + length > len(content):
            break
        body = content[at + 4 : at + 8 + length]
        out += content[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + length
    return bytes(out) + content[at:]


def jpeg(content: bytes) -> list[Field]:
    """Segments up to each scan's data, and the fields of EXIF and MPF in them; then the same of a further picture."""
    found: list[Field] = []
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        found += [(at + 1, 1), (at + 2, 2), *spans(at + 4, min(at + 2 + length, at + 4 + _MOST))]
        at += 2 + length
        if marker == 0xDA:
            nearest = [n for kind in b"\xc4\xda\xc2\xd8" if (n := content.find(bytes((0xFF, kind)), at)) > 0]
            if not nearest:
                break
            at = min(nearest)
            at += 2 if content[at + 1] == 0xD8 else 0  # a further picture, of MPO
    return found


def tiff(content: bytes) -> list[Field]:
    """The header and the entries of each directory."""
    order = "<" if content[:2] == b"II" else ">"
    found: list[Field] = [(0, 2), (2, 2), (4, 4)]
    (at,) = struct.unpack_from(order + "I", content, 4)
    while 0 < at <= len(content) - 2:
        (count,) = struct.unpack_from(order + "H", content, at)
        found.append((at, 2))
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            found += [(entry, 2), (entry + 2, 2), (entry + 4, 4), (entry + 8, 4), (entry + 8, 2)]
        found.append((at + 2 + 12 * count, 4))
        (at,) = struct.unpack_from(order + "I", content, at + 2 + 12 * count)
    return found


def near_marks(content: bytes, marks: tuple[bytes, ...], *, before: int = 4, behind: int = 40) -> list[Field]:
    """Numbers around each place where one of some marks stands; for containers whose layout is not walked here."""
    found: list[Field] = []
    for mark in marks:
        at = content.find(mark)
        while at >= 0:
            found += spans(max(0, at - before), min(len(content), at + behind))
            at = content.find(mark, at + 1)
    return found


def transport_packets(content: bytes) -> list[Field]:
    """Headers of MPEG-TS packets, their adaptation fields and what begins in them."""
    return [field for at in range(0, len(content), 188) for field in spans(at + 1, min(at + 60, len(content)))]


def with_table_checksums(content: bytes) -> bytes:
    """An MPEG-TS whose tables of programs (short sections at the start of a packet) have checksums that fit."""
    changed = bytearray(content)
    for at in range(0, len(content) - 187, 188):
        if content[at + 1] & 0x40 and content[at + 3] & 0x30 == 0x10 and content[at + 4] == 0:
            start = at + 5
            length = (content[start + 1] & 0x0F) << 8 | content[start + 2]
            end = start + 3 + length
            if content[start] in {0, 2, 0x42} and length >= 4 and end <= at + 188:
                changed[end - 4 : end] = _mpeg_crc(bytes(changed[start : end - 4])).to_bytes(4, "big")
    return bytes(changed)


def _mpeg_crc(content: bytes) -> int:
    """CRC-32/MPEG-2 (ISO 13818-1, annex A)."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc
