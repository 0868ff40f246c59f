"""A run: one night's work, its key, its folder, and the manifests that make every step safe to kill.

A step writes its files into `runs/<key>/<step>/` and, last of all and by rename, its manifest
`runs/<key>/<step>.json`. A step without a manifest has not happened and starts again from nothing; a step whose
manifest was made from the same inputs is not done again.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chatrec.errors import Busy, RunError

KEY = re.compile(r"\d{8}T\d{6}Z")
PARTIAL = re.compile(r"\..+\.\d+")
SECONDS_UNTIL_STALE = 24 * 3600
LOCK = "snapshots.lock"
TAKEN_AT = "taken_at.json"
"""The time of a snapshot; not part of a step's digest, since the same rows on another day are the same snapshot."""
UNCHANGED = "unchanged since"
"""Among the counts of a step that reuses the files of an earlier run: its key."""
SAME_LISTS = "same lists as run"
"""Among the counts of a publish that changes nothing: the key of the run that was live."""
Counts = dict[str, Any]


def key_of(moment: datetime) -> str:
    """The sortable key of the run that stands for a moment, such as `20261124T020000Z`."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


@dataclass(frozen=True)
class Manifest:
    """What a step did: a few hundred bytes that travel between tasks instead of data."""

    step: str
    inputs: str
    """Fingerprint of all that the step was made from: its settings and the steps before it."""
    digest: str
    """Fingerprint of the files that it wrote."""
    counts: Counts = field(default_factory=dict)
    started_at: str = ""
    seconds: float = 0.0

    def to_json(self) -> str:
        """The text that `from_json` reads."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest that `to_json` wrote."""
        return cls(**json.loads(text))


class Run:
    """The files of one run under the artifact root.

    Args:
        root: the artifact root.
        key: of the run.
        folder: of its files; default: `runs/<key>`.
    """

    def __init__(self, root: Path, key: str, folder: Path | None = None) -> None:
        if not KEY.fullmatch(key):
            raise RunError(f"{key!r} is not the key of a run; keys look like 20261124T020000Z.")
        self.root = root
        self.key = key
        self.folder = folder or root / "runs" / key

    def step_folder(self, step: str) -> Path:
        """Where a step's files are."""
        return self.folder / step

    def fresh_folder(self, step: str) -> Path:
        """An empty folder for a step that begins; what a killed attempt left is removed."""
        self._manifest_file(step).unlink(missing_ok=True)
        folder = self.step_folder(step)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def manifest(self, step: str) -> Manifest | None:
        """The manifest of a finished step, or None."""
        file = self._manifest_file(step)
        return Manifest.from_json(file.read_text(encoding="utf-8")) if file.exists() else None

    def finish(self, manifest: Manifest) -> None:
        """Writes the manifest, after which the step has happened."""
        write_atomically(self._manifest_file(manifest.step), manifest.to_json())

    def remove(self) -> None:
        """Removes the run's files, the manifests first, so that half a removal is no finished step."""
        for file in self.folder.glob("*.json"):
            file.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _manifest_file(self, step: str) -> Path:
        return self.folder / f"{step}.json"


def runs_under(root: Path) -> list[Run]:
    """All runs that have files, the oldest first."""
    folder = root / "runs"
    keys = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    return [Run(root, key) for key in keys if KEY.fullmatch(key)]


def write_atomically(file: Path, text: str) -> None:
    """Writes a small text file so that it is never seen half-written."""
    with replacing(file) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write a file or folder at; it takes the place of `target` when the block ends well.

    A file is replaced; a folder that another process put there in the meantime is kept, because
    folders are named by what they hold.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    _discard(partial)
    try:
        yield partial
        if partial.is_dir() and target.exists():
            return
        partial.replace(target)
    finally:
        _discard(partial)


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_stale_partials(root: Path, seconds: float = SECONDS_UNTIL_STALE) -> None:
    """Removes what killed processes left half-written, once it is so old that nobody can be at work on it."""
    limit = time.time() - seconds
    for path in list(root.rglob(".*")):
        if PARTIAL.fullmatch(path.name) and path.exists() and path.stat().st_mtime < limit:
            _discard(path)


@contextmanager
def using_snapshots(root: Path, alone: bool = False) -> Iterator[None]:
    """Holds off whoever changes the snapshots of nights that are over, or everybody who reads them.

    Args:
        root: the artifact root.
        alone: to change them.

    Raises:
        Busy: somebody reads them and they are to be changed, or the other way round.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_NB | (fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        except BlockingIOError:
            who = "`chatrec evaluate` or `chatrec finetune`" if alone else "`chatrec erase`"
            raise Busy(f"{who} is at work on the snapshots under {root}: try again when it has ended.") from None
        yield


def fingerprint(*parts: Any) -> str:
    """A short digest of JSON values: equal values, equal digest."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest_of(folder: Path, without: Collection[str] = ()) -> str:
    """A digest of every file below a folder, names and bytes, but for files of some names."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in without):
        total.update(file.relative_to(folder).as_posix().encode())
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:32]
