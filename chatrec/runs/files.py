"""Files that a power cut cannot empty: their bytes reach the disk before a name or a record refers to them.

Files and folders under the artifact root belong to their owner alone, because they hold snapshots of the source tables.
"""

import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

LOG = logging.getLogger("chatrec")
PARTIAL = re.compile(r"\..+\.\d+")
"""Names of half-written files, and of damaged ones that were set aside."""
SECONDS_UNTIL_STALE = 24 * 3600
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
WAITING = 8
"""Files whose bytes are written to the disk at the same time: the file system commits them together."""


def make_folder(folder: Path) -> None:
    """Create a folder for its owner alone, and its missing parents, all durable."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    for path in missing:
        flush(path.parent)


def settle(*paths: Path, private: bool = True) -> None:
    """Write files, and folders with all files below, to the disk.

    Args:
        *paths: Files and folders.
        private: Whether they are for their owner alone.
    """
    found = [inner for path in paths for inner in ((path, *path.rglob("*")) if path.is_dir() else (path,))]
    if private:
        for path in found:
            _own(path)
    with ThreadPoolExecutor(WAITING) as threads:
        list(threads.map(flush, found))


def _own(path: Path) -> None:
    mode = PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE
    if stat.S_IMODE(path.stat().st_mode) != mode:
        with suppress(PermissionError):  # a file of another user, linked from an earlier run
            path.chmod(mode)


def flush(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk."""
    is_folder = path.is_dir()
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError:
        if not is_folder:  # some network file systems cannot flush a folder
            raise
    finally:
        os.close(number)


@contextmanager
def replacing(target: Path, private: bool = True) -> Iterator[Path]:
    """Yield a path to write a file or folder to; it replaces `target` when the block succeeds.

    A file is replaced. A folder that another process created in the meantime is kept, because folders are named by
    their contents.
    """
    make_folder(target.parent)
    partial = partial_of(target)
    discard(partial)
    try:
        yield partial
        settle(partial, private=private)
        if partial.is_dir() and target.exists():
            return
        partial.replace(target)
        flush(target.parent)
    finally:
        discard(partial)


def partial_of(target: Path) -> Path:
    """Path of a half-written file or folder of this process."""
    return target.with_name(f".{target.name}.{os.getpid()}")


def write_atomically(file: Path, text: str) -> None:
    """Write a small text file that is never seen half-written."""
    with replacing(file) as partial:
        partial.write_text(text, encoding="utf-8")


def set_aside(path: Path, why: str) -> None:
    """Report a damaged file or folder and rename it, so that it is made again. It is removed after a day."""
    LOG.warning("%s is damaged (%s): it is set aside as %s for a day.", path, why, hide(path).name)


def hide(path: Path) -> Path:
    """Rename a file or folder to a name that is removed after a day, and return that name."""
    aside = path.with_name(f".{path.name}.damaged.{os.getpid()}")
    with suppress(OSError):  # another process was faster, or it belongs to another user
        discard(aside)
        path.replace(aside)
        os.utime(aside)
    return aside


def discard(path: Path) -> None:
    """Remove a file or folder if it exists."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_stale_partials(root: Path, seconds: float = SECONDS_UNTIL_STALE) -> None:
    """Remove half-written files of killed processes and damaged files, once they are too old to be in use."""
    limit = time.time() - seconds
    for path in list(root.rglob(".*")):
        if PARTIAL.fullmatch(path.name) and path.exists() and path.stat().st_mtime < limit:
            discard(path)
