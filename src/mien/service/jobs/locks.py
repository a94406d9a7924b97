"""File locks between the processes that share a jobs folder, and file systems on which they do not work.

The system releases ``flock`` when a process dies, whatever the cause. On a network file system the server must know the
lock too, or two machines could hold it at once.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

#: Linux's table of mounts; see proc(5).
_MOUNTS = Path("/proc/self/mountinfo")
#: Network file systems whose locks reach the other machines, unless an option below is set.
_LOCKING = {"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.glusterfs", "lustre", "gfs2", "ocfs2"}
#: Network file systems that do not pass locks on.
_NOT_LOCKING = {"fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.goofys", "fuse.geesefs", "davfs"}
#: Mount options with which locks stay on one machine.
_LOCAL_OPTIONS = {"nolock", "local_lock=flock", "local_lock=all", "nobrl", "localflock"}


def lock_problem(folder: Path, mounts: str | None = None) -> str | None:
    """Why jobs in ``folder`` cannot be shared safely; None if they can.

    Args:
        folder: An existing folder.
        mounts: Linux's table of mounts; None reads that of this machine, if it has one.
    """
    if _fcntl() is None:
        return "videos need file locks, which this system does not have (POSIX only)"
    if mounts is None:
        with suppress(OSError):
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    kind, options = _mount_of(folder.resolve(), mounts or "")
    if kind in _NOT_LOCKING:
        return f"file locks do not work on {kind}, so that two servers would read the same video"
    local = sorted(options & _LOCAL_OPTIONS) if kind in _LOCKING else []
    if local:
        return f"{kind} is mounted with {local[0]}, so that file locks do not reach other machines"
    return None


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Try to take a lock without waiting; it is released at the end of the block, or when the process dies."""
    fcntl = _fcntl()
    # Neither follow a link, which could lead out of the folder, nor wait for a pipe.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError:  # the folder has just been removed
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[union-attr]
    except OSError:
        os.close(descriptor)
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


def _fcntl() -> ModuleType | None:
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    return fcntl


def _mount_of(folder: Path, mounts: str) -> tuple[str, set[str]]:
    """Type and options of the file system that holds ``folder``, by the longest mount point above it."""
    best, kind, options = -1, "", set[str]()
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")  # proc(5): … mount point, options … - type, source, super options
        before, after = left.split(), right.split()
        if len(before) < 6 or len(after) < 3:
            continue
        point = Path(before[4].encode().decode("unicode_escape"))  # spaces are written as \040
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after[0]
            options = {*before[5].split(","), *after[2].split(",")}
    return kind, options
