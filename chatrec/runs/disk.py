"""Errors of the disk under the artifact root, in words that say what is full and what to remove."""

import errno
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chatrec.errors import ArtifactError, ChatrecError

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM)
FULL_WORDS = ("No space left", "os error 28", "requested and", "file write failed", "unexpected pos")
"""Words of Arrow, Polars, NumPy and PyTorch about a full disk, whose errors may lack the number."""
READ_ONLY_WORDS = ("Read-only file system", "os error 30")
REMEDY = "Remove it, or restore it from a backup."
UNITS = ("B", "kB", "MB", "GB", "TB")
LEFT = 1 << 20
"""Bytes. A disk with less is full, whatever the words of the error."""
REMOVABLE = {
    "runs": "lower publish.keep_runs",
    "evaluations": "remove evaluations that you no longer need",
    "vectors": "remove vectors, which the next run makes again",
    "events": "remove days of events, which the next run reads again",
    "encoders": "lower advanced.finetune.keep",
}
"""Folders under the artifact root, and how to make them smaller."""


@contextmanager
def readable_disk_errors(root: Path) -> Iterator[None]:
    """Translate errors of files into chatrec's errors.

    Args:
        root: Artifact root.

    Raises:
        ArtifactError: If the disk is full or read-only, or a file cannot be read or written.
    """
    try:
        yield
    except ChatrecError:
        raise
    except Exception as error:
        if message := _message(root, error):
            raise ArtifactError(message) from error
        raise


def _message(root: Path, error: Exception) -> str | None:
    """Message for an error; None if it is not one of a disk."""
    if hasattr(error, "pgcode") or hasattr(error, "orig"):  # the database's own disk
        return None
    chain = list(_chain(error))
    if any(_is_full(part, root) for part in chain):
        return f"The disk of artifacts.root {root} is full: {_space(root)} {_removable(root)}"
    for part in chain:
        number, file = getattr(part, "errno", None), getattr(part, "filename", None)
        if number == errno.EROFS or any(words in str(part) for words in READ_ONLY_WORDS):
            return f"{file or root} cannot be written, because its file system is read-only: mount it for writing."
        if file and number in FORBIDDEN:
            return f"{file} cannot be used: {os.strerror(number)}. Give it to the user who runs chatrec."
        if file and number and Path(os.fsdecode(file)).is_relative_to(root):
            return f"{file} cannot be used: {os.strerror(number)}. {REMEDY}"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_full(error: BaseException, root: Path) -> bool:
    if getattr(error, "errno", None) in FULL or any(words in str(error) for words in FULL_WORDS):
        return True
    return isinstance(error, OSError | RuntimeError) and shutil.disk_usage(_existing(root)).free < LEFT


def _space(root: Path) -> str:
    usage = shutil.disk_usage(_existing(root))
    return f"{_size(usage.free)} of {_size(usage.total)} are free, which is not enough."


def _removable(root: Path) -> str:
    """The largest folders, and how to make them smaller."""
    sizes = {name: _used(root / name) for name in REMOVABLE}
    largest = sorted((name for name in sizes if sizes[name]), key=lambda name: -sizes[name])[:3]
    parts = "; ".join(f"{name}/ has {_size(sizes[name])}: {REMOVABLE[name]}" for name in largest)
    return f"{parts or 'remove other files from it'}. Then repeat the command."


def _existing(root: Path) -> Path:
    return next(path for path in (root, *root.absolute().parents) if path.exists())


def _used(folder: Path) -> int:
    sizes = 0
    for file in folder.rglob("*"):
        with suppress(OSError):
            sizes += file.lstat().st_blocks * 512 if not file.is_dir() else 0
    return sizes


def _size(size: float) -> str:
    power = min(int(math.log10(max(size, 1)) / 3), len(UNITS) - 1)
    return f"{size / 1000**power:.0f} {UNITS[power]}"
