"""Files of tensors: written all or nothing, read without running anything that lies in them."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mien.errors import CheckpointError
from mien.runtime.files import atomic_file


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write tensors and plain values to ``path``, all or nothing.

    Raises:
        StorageError: It cannot be written (a full disk, say); an older checkpoint stays as it was.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    with atomic_file(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_state(path: Path, *, hint: str | None = None) -> dict[str, Any]:
    """Read what :func:`save_state` wrote; nothing but tensors and plain values is unpickled.

    Args:
        path: The checkpoint.
        hint: What to do where it is damaged.

    Raises:
        CheckpointError: The file is absent, damaged or cut short.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as err:
        raise CheckpointError(f"{path}: no such file", hint="has this run finished an epoch yet?") from err
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile, ValueError, OSError) as err:
        first = str(err).splitlines()[0] if str(err) else type(err).__name__
        raise CheckpointError(f"{path}: the checkpoint is damaged or cut short ({first})", hint=hint) from err
    return state
