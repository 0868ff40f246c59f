"""Locks on files: two processes never work on the same files, whatever happens to their connections."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chatrec.errors import Busy

RUN_LOCK = "run.lock"
"""File under the artifact root that a run or an erasure locks alone, and each step of a scheduler shares."""


@contextmanager
def lock_file(file: Path, holder: str, shared: bool = False) -> Iterator[None]:
    """Lock a file for the length of the block. The lock ends with its process, also when that is killed.

    Args:
        file: The file, created if it does not exist. It is not removed, or two processes could lock two files.
        holder: Name of this process, written into the file.
        shared: Whether to lock it shared instead of exclusively.

    Raises:
        Busy: If another process holds a conflicting lock. Names the holder.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "a+", encoding="utf-8", opener=_privately) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_NB | (fcntl.LOCK_SH if shared else fcntl.LOCK_EX))
        except BlockingIOError:
            stream.seek(0)
            other = stream.read() or "another process"
            raise Busy(f"The files under {file.parent} are in use by {other}: try again when it has ended.") from None
        with suppress(OSError):  # a full disk must not stop a run because of a name
            stream.truncate(0)
            stream.write(holder)
            stream.flush()
        yield


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
