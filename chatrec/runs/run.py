"""A run: its key, its folder, and the manifests that make every step safe to kill.

A step writes its files into `runs/<key>/<step>/` and then, by an atomic rename, its manifest `runs/<key>/<step>.json`.
A step without a manifest starts again from nothing; a step whose manifest has the same inputs is not repeated. The
manifest has the digests of the files: a step with a damaged file, or an unreadable manifest, has not happened.
"""

import fcntl
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from chatrec.errors import ArtifactError, Busy, RunError
from chatrec.runs.digests import digest_of_all, digests_of
from chatrec.runs.files import LOG, PRIVATE_FILE, hide, make_folder, settle
from chatrec.runs.results import KINDS, StepResult, load
from chatrec.runs.sealed import differing_file, recover_json, write_json

KEY = re.compile(r"[0-9]{8}T[0-9]{6}Z")
KEY_FORMAT = "%Y%m%dT%H%M%SZ"
LOCK = "snapshots.lock"
TAKEN_AT = "taken_at.json"
"""Time of a snapshot. Not part of a step's digest, since the same rows on another day are the same snapshot."""
CHANGING = "*"
"""Name in place of the files of a step while they are changed."""
FACTS = ("step", "inputs", "digest", "started_at", "seconds", "files")
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
    result: StepResult
    started_at: str = ""
    seconds: float = 0.0
    digest: str = ""
    """Fingerprint of the files that it wrote, without TAKEN_AT."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Digest of each file."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON values, without `files`; `kind` names the class of the result."""
        facts = {name: value for name, value in vars(self).items() if name != "files"}
        return {**facts, "kind": type(self.result).__name__, "result": self.result.to_dict()}

    def to_json(self) -> str:
        """Serialise `to_dict` to JSON."""
        return json.dumps(self.to_dict(), indent=1, sort_keys=True, ensure_ascii=False)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Manifest":
        """Convert back from JSON values. Of another version's manifest the result may not be `known`."""
        result = load(KINDS.get(str(values.get("kind"))), values.get("result"))
        return cls(**{name: values[name] for name in FACTS if name in values}, result=result or StepResult())

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
        if folder.exists():
            shutil.rmtree(folder)
        make_folder(folder)
        return folder

    def manifest(self, step: str) -> Manifest | None:
        """Manifest of a finished step, or None. Its files are not checked."""
        values = recover_json(self._manifest_file(step))
        return Manifest.of(values) if values else None

    def intact(self, step: str) -> Manifest | None:
        """Manifest of a finished step whose files are as they were written, or None; damage is in the log."""
        manifest = self.manifest(step)
        return None if manifest is None or self._damaged(manifest) else manifest

    def finished(self, step: str) -> Manifest:
        """Manifest of a step that must be finished.

        Raises:
            RunError: If it is not.
            ArtifactError: If a file of it is damaged.
        """
        manifest = self.manifest(step)
        if manifest is None:
            raise RunError(f"Step {step} of run {self.key} has not been done yet.")
        if damaged := self._damaged(manifest):
            raise ArtifactError(f"{damaged} is damaged: repeat step {step} of run {self.key}.", damaged)
        return manifest

    def erasable(self, step: str) -> bool:
        """Whether the files of a finished step are intact, or were being changed when an erasure was interrupted."""
        manifest = self.manifest(step)
        return manifest is not None and (CHANGING in manifest.files or self.intact(step) is not None)

    @contextmanager
    def changing(self, *steps: str) -> Iterator[None]:
        """Change files of finished steps in the block. Until it succeeds they are not used.

        Args:
            *steps: Names of steps; those that are not finished, or are damaged, are left out.
        """
        manifests = [manifest for step in steps if self.erasable(step) and (manifest := self.manifest(step))]
        for manifest in manifests:
            self._write(replace(manifest, files={CHANGING: ""}))
        yield
        for manifest in manifests:
            self.finish(manifest)

    def _damaged(self, manifest: Manifest) -> Path | None:
        """A file of a step that is not as it was written, or None. A step with one has not happened."""
        folder = self.step_folder(manifest.step)
        if CHANGING in manifest.files:
            return folder
        if name := differing_file(folder, manifest.files):
            hide(self._manifest_file(manifest.step))
            LOG.warning("%s is damaged: step %s of run %s counts as not done.", folder / name, manifest.step, self.key)
            return folder / name
        return None

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

    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest with the digests of the files, which finishes the step.

        Returns:
            The manifest as it is written.
        """
        folder = self.step_folder(manifest.step)
        settle(folder) if folder.exists() else make_folder(self.folder)
        files = digests_of(folder)
        sealed = replace(manifest, files=files, digest=digest_of_all(files, without={TAKEN_AT}))
        self._write(sealed)
        return sealed

    def _write(self, manifest: Manifest) -> None:
        write_json(self._manifest_file(manifest.step), {**manifest.to_dict(), "files": manifest.files})

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


@contextmanager
def using_snapshots(root: Path, alone: bool = False) -> Iterator[None]:
    """Lock the snapshots of finished runs, shared for reading or exclusively for changing them.

    Args:
        root: Artifact root.
        alone: Whether to lock exclusively.

    Raises:
        Busy: If another process holds a conflicting lock.
    """
    make_folder(root)
    (root / LOCK).touch(PRIVATE_FILE)
    with (root / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_NB | (fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        except BlockingIOError:
            who = "`chatrec evaluate` or `chatrec finetune`" if alone else "`chatrec erase`"
            raise Busy(f"{who} is at work on the snapshots under {root}: try again when it has ended.") from None
        yield
