"""Files of tensors: written all or nothing with a checksum, and read without running code that they contain.

The files are PyTorch's own, which are ZIP archives. A checksum of all bytes before it is stored as the archive's
comment, which ``torch.load`` ignores. Files of earlier versions have none; there the archive's own CRC-32 sums are
compared.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from mien.errors import CheckpointError
from mien.runtime.files import atomic_file

#: Precedes the SHA-256 in the archive's comment.
_MARK = b"mien sha256 "
_COMMENT_BYTES = len(_MARK) + 2 * hashlib.sha256().digest_size
_BLOCK_BYTES = 1 << 20  # hashed at a time, so that memory does not grow with the file


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write tensors and plain values to ``path``, all or nothing.

    Raises:
        StorageError: It cannot be written (a full disk, say); an older checkpoint stays as it was.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    # a ZIP archive ends with the length of its comment (APPNOTE 4.3.16), which is 0 in PyTorch's files
    buffer.seek(-2, io.SEEK_END)
    buffer.write(_COMMENT_BYTES.to_bytes(2, "little") + _MARK)
    buffer.write(hashlib.sha256(buffer.getbuffer()).hexdigest().encode())
    with atomic_file(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_state(path: Path, *, hint: str | None = None) -> dict[str, Any]:
    """Read what :func:`save_state` wrote; nothing but tensors and plain values is unpickled.

    Args:
        path: The checkpoint.
        hint: What to do if it is damaged.

    Raises:
        CheckpointError: The file is absent, damaged, cut short, or holds something else.
    """
    try:
        with path.open("rb") as stream:
            _compare_checksum(stream)
            # weights_only: the restricted unpickler builds tensors and plain values, and calls nothing else
            state = torch.load(stream, map_location="cpu", weights_only=True)
    except FileNotFoundError as err:
        raise CheckpointError(f"{path}: no such file", hint="has this run finished an epoch yet?") from err
    except Exception as err:
        # PyTorch's reader raises what its parts raise: KeyError, AttributeError, OverflowError, …
        first = str(err).splitlines()[0][:200] if str(err) else type(err).__name__
        raise CheckpointError(f"{path}: the checkpoint is damaged or cut short ({first})", hint=hint) from err
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: holds {type(state).__name__}, expected named values", hint=hint)
    return state


def _compare_checksum(stream: BinaryIO) -> None:
    """Compare the checksums of a file, and leave the stream at its beginning.

    Raises:
        ValueError: A byte has changed.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _COMMENT_BYTES))
    comment = stream.read()
    if comment.startswith(_MARK):
        stream.seek(0)
        digest, left = hashlib.sha256(), size - len(comment) + len(_MARK)
        while left and (block := stream.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            left -= len(block)
        if digest.hexdigest().encode() != comment[len(_MARK) :]:
            raise ValueError("its checksum does not match")
    else:
        with zipfile.ZipFile(stream) as archive:
            if archive.comment:  # not the mark, so that its first bytes have changed
                raise ValueError("its checksum is damaged")
            if (name := archive.testzip()) is not None:
                raise ValueError(f"the checksum of {name} does not match")
    stream.seek(0)


def first_difference(found: Any, expected: Any, *, at: str = "") -> str | None:
    """Where the structure of a value from a file differs from that of one that the program made; None if it does not.

    Tensors need the same shape and type, mappings the same keys, lists the same length; numbers may differ, and are
    finite unless they are equal.

    Args:
        found: From the file.
        expected: The value that it replaces.
        at: Name of the two in the answer.
    """
    alike = type(found) is type(expected)
    inside: list[tuple[str, Any, Any]] = []
    if isinstance(expected, Tensor):
        alike = isinstance(found, Tensor) and found.shape == expected.shape and found.dtype == expected.dtype
    elif isinstance(expected, Mapping):
        if alike := isinstance(found, Mapping) and found.keys() == expected.keys():
            inside = [(f"{at}.{key}", found[key], expected[key]) for key in expected]
    elif isinstance(expected, list | tuple):
        if alike := alike and len(found) == len(expected):
            inside = [(f"{at}.{number}", found[number], other) for number, other in enumerate(expected)]
    elif _is_number(expected):
        alike = _is_number(found) and (isfinite(found) or found == expected)
    if not alike:
        return f"{at} is {_kind(found)}, expected {_kind(expected)}"
    return next((found_at for name, one, other in inside if (found_at := first_difference(one, other, at=name))), None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(str, list(value)[:5]))}}}"[:100]
    return f"{len(value)} values" if isinstance(value, list | tuple) else repr(value)[:40]
