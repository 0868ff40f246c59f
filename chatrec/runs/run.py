"""A run: its key, its folder, and the manifests that make every step safe to kill.

A step writes its files into `runs/<key>/<step>/` and then, by an atomic rename, its manifest `runs/<key>/<step>.json`.
A step without a manifest starts again from nothing; a step whose manifest has the same inputs is not repeated.
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from chatrec.errors import Busy, RunError
from chatrec.runs.results import KINDS, StepResult, load

KEY = re.compile(r"[0-9]{8}T[0-9]{6}Z")
KEY_FORMAT = "%Y%m%dT%H%M%SZ"
PARTIAL = re.compile(r"\..+\.\d+")
SECONDS_UNTIL_STALE = 24 * 3600
LOCK = "snapshots.lock"
TAKEN_AT = "taken_at.json"
"""Time of a snapshot. Not part of a step's digest, since the same rows on another day are the same snapshot."""
FACTS = ("step", "inputs", "digest", "started_at", "seconds")
"""Fields of a manifest beside the result."""
R = TypeVar("R", bound=StepResult)


def key_of(moment: datetime) -> str:
    """Sortable key of the run of a time, such as `20261124T020000Z`."""
    return moment.astimezone(UTC).strftime(KEY_FORMAT)


def is_key(text: str) -> bool:
    """Whether a text is the key of a time."""
    try:
        return bool(KEY.fullmatch(text) and datetime.strptime(text, KEY_FORMAT))
    except ValueError:
        return False


@dataclass(frozen=True)
class Manifest:
    """Result of a step: a few hundred bytes, passed between tasks in place of data."""

    step: str
    inputs: str
    """Fingerprint of the step's inputs: its settings and the steps before it."""
    digest: str
    """Fingerprint of the files that it wrote."""
    result: StepResult
    started_at: str = ""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON values; `kind` names the class of the result."""
        return {**vars(self), "kind": type(self.result).__name__, "result": self.result.to_dict()}

    def to_json(self) -> str:
        """Serialise to JSON."""
        return json.dumps(self.to_dict(), indent=1, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Deserialise from the JSON of `to_json`. Of another version's manifest the result may not be `known`."""
        values = json.loads(text)
        result = load(KINDS.get(values.get("kind")), values.get("result"))
        return cls(**{name: values[name] for name in FACTS}, result=result or StepResult())

    @property
    def known(self) -> bool:
        """Whether the result could be read."""
        return type(self.result) is not StepResult


class Run:
    """Files of a run under the artifact root.

    Args:
        root: Artifact root.
        key: Key of the run.
        folder: Folder of its files; `runs/<key>` by default.

    Raises:
        RunError: If the key is not valid.
    """

    def __init__(self, root: Path, key: str, folder: Path | None = None) -> None:
        if not is_key(key):
            raise RunError(f"{key!r} is not the key of a run; keys look like 20261124T020000Z.")
        self.root = root
        self.key = key
        self.folder = folder or root / "runs" / key

    def step_folder(self, step: str) -> Path:
        """Folder of a step."""
        return self.folder / step

    def fresh_folder(self, step: str) -> Path:
        """Create an empty folder for a step; files of a killed attempt are removed."""
        self._manifest_file(step).unlink(missing_ok=True)
        folder = self.step_folder(step)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def manifest(self, step: str) -> Manifest | None:
        """Manifest of a finished step, or None."""
        file = self._manifest_file(step)
        return Manifest.from_json(file.read_text(encoding="utf-8")) if file.exists() else None

    def finished(self, step: str) -> Manifest:
        """Manifest of a step that must be finished.

        Raises:
            RunError: If it is not.
        """
        manifest = self.manifest(step)
        if manifest is None:
            raise RunError(f"Step {step} of run {self.key} has not been done yet.")
        return manifest

    def result(self, step: str, kind: type[R]) -> R:
        """Result of a step that must be finished.

        Args:
            step: Name of the step.
            kind: Class of its result.

        Raises:
            RunError: If it is not finished, or another version of chatrec wrote it.
        """
        result = self.finished(step).result
        if not isinstance(result, kind):
            raise RunError(
                f"The result of step {step} of run {self.key} was written by another version of chatrec: start a new "
                "run with `chatrec run`."
            )
        return result

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, which finishes the step."""
        write_atomically(self._manifest_file(manifest.step), manifest.to_json())

    def remove(self) -> None:
        """Remove the run's files. Manifests go first, so that no step seems finished after an interruption."""
        for file in self.folder.glob("*.json"):
            file.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _manifest_file(self, step: str) -> Path:
        return self.folder / f"{step}.json"


def runs_under(root: Path) -> list[Run]:
    """List the runs that have files, the oldest first."""
    folder = root / "runs"
    keys = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    return [Run(root, key) for key in keys if is_key(key)]


def write_atomically(file: Path, text: str) -> None:
    """Write a small text file that is never seen half-written."""
    with replacing(file) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path to write a file or folder to; it replaces `target` when the block succeeds.

    A file is replaced. A folder that another process created in the meantime is kept, because folders are named by
    their contents.
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
    """Remove half-written files of killed processes, once they are too old to be in use."""
    limit = time.time() - seconds
    for path in list(root.rglob(".*")):
        if PARTIAL.fullmatch(path.name) and path.exists() and path.stat().st_mtime < limit:
            _discard(path)


@contextmanager
def using_snapshots(root: Path, alone: bool = False) -> Iterator[None]:
    """Lock the snapshots of finished runs, shared for reading or exclusively for changing them.

    Args:
        root: Artifact root.
        alone: Whether to lock exclusively.

    Raises:
        Busy: If another process holds a conflicting lock.
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
    """Short digest of JSON values; equal values have equal digests."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest_of(folder: Path, without: Collection[str] = ()) -> str:
    """Digest of all files below a folder, names and bytes, except for files with a name in `without`."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in without):
        total.update(file.relative_to(folder).as_posix().encode())
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:32]
