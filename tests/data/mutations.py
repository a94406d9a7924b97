"""Sound tables made unsound: bytes, lines and fields changed at random from one seed, plain or packed."""

import gzip
import lzma
import random
import tarfile
import zipfile
from io import BytesIO

#: What strangers write in a field.
ODD_FIELDS = (
    b"", b"-1", b"+5", b"1_0", b"1e3", b"0x1f", b"nan", b"9" * 5000, b"\xc2\xb2", "٣".encode(), b'"', b'"a', b"\x00",
    b"=1+1", b"256", b"a,b", b"\xff\xfe", b" " * 9000, b"../../etc/passwd", b"\r",
)  # fmt: skip


def mutated(content: bytes, rng: random.Random) -> bytes:
    """One to four changes of ``content``: half of them in its fields and lines, half in its raw bytes."""
    for _ in range(rng.randint(1, 4)):
        content = (_change_field if rng.random() < 0.5 else _change_bytes)(content, rng)
    return content


def packed(content: bytes, name: str, rng: random.Random) -> tuple[str, bytes]:
    """The file as it comes, or in an archive that may itself be damaged; its name and bytes."""
    kind = rng.choice(("plain", "plain", "gz", "xz", "zip", "tar.gz"))
    if kind == "plain":
        return name, content
    if kind in {"gz", "xz"}:
        whole = gzip.compress(content, 1) if kind == "gz" else lzma.compress(content, preset=0)
    else:
        buffer = BytesIO()
        if kind == "zip":
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr(name, content)
        else:
            with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, BytesIO(content))
        whole = buffer.getvalue()
    return f"{name}.{kind}", _change_bytes(whole, rng) if rng.random() < 0.5 else whole


def _change_field(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            lines.insert(at, rng.choice(lines))
        case 1:
            del lines[at]
        case 2:
            lines[at] += rng.choice((b",", b",1", b"\r", b'"', b" " * 70_000))
        case _:
            fields = lines[at].split(b",")
            fields[rng.randrange(len(fields))] = rng.choice(ODD_FIELDS)
            lines[at] = b",".join(fields)
    return b"\n".join(lines)


def _change_bytes(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content or b"\n")
    at = rng.randrange(len(changed))
    match rng.randrange(4):
        case 0:
            changed[at] ^= 1 << rng.randrange(8)
        case 1:
            del changed[at:]
        case 2:
            changed[at:at] = rng.randbytes(rng.randint(1, 40))
        case _:
            del changed[at : at + rng.randint(1, 200)]
    return bytes(changed)
