"""Encoders that were made here: a folder each under `encoders/`, and a note of which one is live.

A version is an ordinary folder of a Hugging Face model with `version.json` in it: how it was made, from what, what it
scored. `encoders/live.json` names the live one and those before it. Until one is promoted there is no live version, and
the settings say what encodes.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chatrec.errors import RunError
from chatrec.runs.run import Counts, digest_of, replacing, write_atomically

FOLDER = "encoders"
VECTORS = "vectors"
VERSION, LIVE, ERASED = "version.json", "live.json", "erased.json"
MODEL = "config.json"
"""The file without which a folder is no model."""
REPLACED = ("auto", "local")
"""What `encoder.model` must be for a version to take its place: who names a model gets it."""
TUNED = ("full", "bias", "lora")


@dataclass(frozen=True)
class Version:
    """An encoder."""

    name: str
    """Of its folder."""
    fingerprint: str
    """Of its files."""
    how: str
    """local, full, bias or lora."""
    start: str
    """What it was made from; empty for one that began with nothing."""
    made_at: str
    facts: Counts
    """What its trainings came to."""
    scores: Mapping[str, Any]
    """What it was measured at."""
    pretrained: bool = False
    """Whether it has read more than the catalogue, itself or what it was made from."""
    vectors: str = ""
    """The folder under `vectors/` that has its vectors, if it encoded the catalogue."""


@dataclass(frozen=True)
class _Live:
    """Which version is live."""

    live: str | None
    before: tuple[str | None, ...]
    """Those before it, the latest last; None where the settings chose."""


def work_folder(target: Path) -> Path:
    """Where the checkpoints of a training are that makes a version.

    It has the name of a partial file: what nobody goes on with is removed after a day like one.
    """
    return target.with_name(f".{target.name}.0")


@contextmanager
def creating(target: Path, how: str, start: str, pretrained: bool, facts: Counts) -> Iterator[Path]:
    """A folder to save a model in; it becomes a version when the block ends well.

    Args:
        target: the version's folder.
        how: it is made.
        start: what it is made from.
        pretrained: whether that has read more than the catalogue.
        facts: what its trainings came to.
    """
    with replacing(target) as partial:
        partial.mkdir()
        yield partial
        _write(partial, Version(target.name, _fingerprint(partial), how, start, _now(), facts, {}, pretrained))


def versions(root: Path) -> list[Version]:
    """All versions under an artifact root, the oldest first."""
    files = (root / FOLDER).glob(f"[!.]*/{VERSION}")
    return sorted((_read(file.parent) for file in files), key=lambda version: (version.made_at, version.name))


def of(folder: Path) -> Version | None:
    """The version that a folder is; None if it is something else."""
    return _read(folder) if (folder / VERSION).is_file() else None


def record(folder: Path, scores: Mapping[str, Any], vectors: str = "") -> None:
    """Adds scores to a version, and where its vectors are; a folder that is no version is left alone."""
    if version := of(folder):
        _write(folder, replace(version, scores={**version.scores, **scores}, vectors=vectors or version.vectors))


def live(root: Path) -> Path | None:
    """The folder of the live version; None if the settings choose what encodes.

    Raises:
        RunError: its folder is gone.
    """
    name = _state(root).live
    if name is None:
        return None
    folder = root / FOLDER / name
    if not (folder / MODEL).is_file():
        raise RunError(
            f"The live encoder {folder} is gone: put it back, or go back to the one before with "
            "`chatrec encoders use --back`."
        )
    return folder


def promote(root: Path, name: str) -> Path:
    """Makes a version the live one; the next night encodes with it.

    Raises:
        RunError: there is no such version, or its files are not what they were.
    """
    folder, state = root / FOLDER / name, _state(root)
    known = {version.name: version for version in versions(root)}
    if name not in known:
        raise RunError(f"There is no encoder {name!r} under {root / FOLDER}. There are: {', '.join(known) or 'none'}.")
    if known[name].fingerprint != _fingerprint(folder):
        raise RunError(f"The files of encoder {folder} are not those that were saved: it may not be used.")
    if name != state.live:
        _write_state(root, _Live(name, (*state.before, state.live)))
    return folder


def go_back(root: Path) -> Path | None:
    """Makes the version live again that was before this one; None if the settings choose again.

    Raises:
        RunError: no version was live before.
    """
    state = _state(root)
    if not state.before:
        raise RunError("There is no encoder to go back to: none was promoted.")
    _write_state(root, _Live(state.before[-1], state.before[:-1]))
    return live(root)


def somebody_is_erased(root: Path) -> None:
    """From now on all that has been fine-tuned learned from somebody whom it may not remember."""
    write_atomically(root / FOLDER / ERASED, json.dumps({"at": _now()}))


def remembers(root: Path, folder: Path) -> bool:
    """Whether an encoder learned from somebody who has been erased since."""
    file, version = root / FOLDER / ERASED, of(folder)
    if version is None or version.how not in TUNED or not file.exists():
        return False
    return version.made_at <= str(json.loads(file.read_text(encoding="utf-8"))["at"])


def prune(root: Path, keep: int) -> list[str]:
    """Removes fine-tuned versions and their vectors; the live one, the one before it and the newest stay.

    Whoever remembers somebody who was erased goes, but for the live one.

    Args:
        root: the artifact root.
        keep: how many of the newest stay, at least one.

    Returns:
        The names of what was removed.
    """
    state, tuned = _state(root), [version for version in versions(root) if version.how in TUNED]
    kept = {state.live, *state.before[-1:], *(version.name for version in tuned[-keep:])}
    kept = {name for name in kept if name and (name == state.live or not remembers(root, root / FOLDER / name))}
    gone = [version for version in tuned if version.name not in kept]
    for version in gone:
        shutil.rmtree(root / FOLDER / version.name)
        if version.vectors:
            shutil.rmtree(root / VECTORS / version.vectors, ignore_errors=True)
    names = [version.name for version in gone]
    _write_state(root, _Live(state.live, tuple(name for name in state.before if name not in names)))
    return names


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _fingerprint(folder: Path) -> str:
    return digest_of(folder, without={VERSION})


def _read(folder: Path) -> Version:
    return Version(name=folder.name, **json.loads((folder / VERSION).read_text(encoding="utf-8")))


def _write(folder: Path, version: Version) -> None:
    values = asdict(version)
    del values["name"]  # a folder says its name itself
    write_atomically(folder / VERSION, json.dumps(values, indent=1, ensure_ascii=False))


def _state(root: Path) -> _Live:
    file = root / FOLDER / LIVE
    if not file.exists():
        return _Live(None, ())
    values = json.loads(file.read_text(encoding="utf-8"))
    return _Live(values["live"], tuple(values["before"]))


def _write_state(root: Path, state: _Live) -> None:
    write_atomically(root / FOLDER / LIVE, json.dumps(asdict(state)))
