"""A disk that loses what was not flushed to it, as at a power cut."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

FLUSH = os.fsync


def flush_nothing() -> None:
    """Makes this process as careless as the tests' PostgreSQL is; a test that cuts the power watches the `Disk`."""
    os.fsync = lambda fd: None


@dataclass(frozen=True)
class Renamed:
    """What was on the disk when a file got its name."""

    was_flushed: bool
    flushed: frozenset[int]
    moment: int


@dataclass
class Disk:
    """Records what is flushed, in its order."""

    flushed: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Size, and number of the flush, by inode."""
    renamed: dict[Path, Renamed] = field(default_factory=dict)
    moment: int = 0

    @classmethod
    def watch(cls, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Records from now on."""
        disk, rename = cls(), Path.replace

        def flush(number: int) -> None:
            FLUSH(number)
            state = os.fstat(number)
            disk.moment += 1
            disk.flushed[state.st_ino] = (state.st_size, disk.moment)

        def replace(path: Path, target: Path) -> Path:
            disk.renamed[target] = Renamed(disk.has(path), frozenset(disk.flushed), disk.moment)
            return rename(path, target)

        monkeypatch.setattr(os, "fsync", flush)
        monkeypatch.setattr(Path, "replace", replace)
        return disk

    def has(self, path: Path) -> bool:
        """Whether all bytes of a file are on the disk."""
        state = path.stat()
        return state.st_ino in self.flushed and (path.is_dir() or self.flushed[state.st_ino][0] == state.st_size)

    def folder_flushed_after(self, path: Path) -> bool:
        """Whether the name of a file is on the disk."""
        return self.flushed.get(path.parent.stat().st_ino, (0, 0))[1] > self.renamed[path].moment

    def cut(self, root: Path, since: float = 0) -> set[str]:
        """Empties the files that would be lost, and returns their names.

        Args:
            root: Folder.
            since: Older files are on the disk.
        """
        files = [path for path in root.rglob("*") if path.is_file() and path.stat().st_mtime >= since]
        lost = [path for path in files if path.stat().st_size and not self.has(path)]
        for path in lost:
            path.write_bytes(b"")
        return {path.relative_to(root).as_posix() for path in lost}
