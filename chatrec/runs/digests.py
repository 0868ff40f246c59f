"""Digests of values, files and folders."""

import hashlib
import json
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

LENGTH = 32
"""Hexadecimal digits of a digest."""
REMEMBERED = 100_000
"""Digests of files that a process remembers, so that it reads a file once to check it."""


def fingerprint(*parts: Any) -> str:
    """Short digest of JSON values; equal values have equal digests."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def digest_of_file(file: Path) -> str:
    """Digest of the bytes of a file. It is read again only if it has been written since."""
    state = file.stat()
    return _digest(file, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def digests_of(folder: Path) -> dict[str, str]:
    """Digests of all files below a folder by their relative names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {file.relative_to(folder).as_posix(): digest_of_file(file) for file in files}


def digest_of(folder: Path, without: Collection[str] = ()) -> str:
    """Digest of all files below a folder, names and bytes, except for files with a name in `without`."""
    return digest_of_all(digests_of(folder), without)


def digest_of_all(files: Mapping[str, str], without: Collection[str] = ()) -> str:
    """Digest of the digests of files, as `digest_of` returns it."""
    return fingerprint({name: digest for name, digest in files.items() if Path(name).name not in without})


@lru_cache(REMEMBERED)
def _digest(file: Path, *_: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:LENGTH]
