"""Registry of trained encoders: a folder for each under `encoders/`, and a record of the live one.

A version is an ordinary Hugging Face folder with a `version.json`: its method, its origin and its scores.
`encoders/live.json` names the live version and the earlier ones. Until a version is promoted there is no live version,
and the settings choose the encoder.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chatrec.errors import ArtifactError, RunError
from chatrec.runs.digests import digest_of
from chatrec.runs.files import replacing, set_aside
from chatrec.runs.sealed import DIGESTS, damaged_file, read_json, recover_json, seal_folder, write_json

FOLDER = "encoders"
VECTORS = "vectors"
VERSION, LIVE, ERASED = "version.json", "live.json", "erased.json"
MODEL = "config.json"
"""The file that marks a folder as a model."""
REPLACED = ("auto", "local")
"""Values of `encoder.model` that the live version replaces. A model that is named explicitly is always used."""
TUNED = ("full", "bias", "lora")
TUNED_NAME, LOCAL_NAME = "tuned-", "local-"
"""Beginnings of the names of fine-tuned encoders and of those trained on the catalogue; others are unpacked files."""


@dataclass(frozen=True)
class Version:
    """A trained encoder."""

    name: str
    """Name of its folder."""
    fingerprint: str
    """Digest of its files."""
    how: str
    """Training method: local, full, bias or lora."""
    start: str
    """The model that training started from; empty for one trained from scratch."""
    made_at: str
    facts: Mapping[str, Any]
    """Summaries of its trainings, by objective."""
    scores: Mapping[str, Any]
    """Evaluation scores."""
    pretrained: bool = False
    """Whether it, or the model that it started from, was trained on more than the catalogue."""
    vectors: str = ""
    """Folder of its vectors under `vectors/`, if it encoded the catalogue."""


@dataclass(frozen=True)
class _Live:
    """The live version and those before it."""

    live: str | None
    before: tuple[str | None, ...]
    """Earlier live versions, the latest last; None where the settings chose."""


def work_folder(target: Path) -> Path:
    """Folder of the checkpoints of a training.

    It is named like a partial file, so an abandoned training is removed after a day.
    """
    return target.with_name(f".{target.name}.0")


def newest_local(first: Path) -> Path:
    """Folder of the newest local model: `first`, or the last of `first-2`, `first-3`, … that exists."""
    number, folder = 2, first
    while (later := first.with_name(f"{first.name}-{number}")).exists():
        number, folder = number + 1, later
    return folder


def next_local(folder: Path) -> Path:
    """Folder of the local model after the newest one."""
    kind, mark, *number = folder.name.split("-")
    return folder.with_name(f"{kind}-{mark}-{int(number[0]) + 1 if number else 2}")


@contextmanager
def creating(target: Path, how: str, start: str, pretrained: bool, facts: Mapping[str, Any]) -> Iterator[Path]:
    """Yield a folder to save a model in, which becomes a version when the block succeeds.

    Args:
        target: Folder of the version.
        how: Training method.
        start: The model that training started from.
        pretrained: Whether that model was trained on more than the catalogue.
        facts: Summaries of the trainings, by objective.
    """
    with replacing(target) as partial:
        partial.mkdir()
        yield partial
        seal_folder(partial)
        _write(partial, Version(target.name, _fingerprint(partial), how, start, _now(), facts, {}, pretrained))


def versions(root: Path) -> list[Version]:
    """List the versions under an artifact root, the oldest first. One with a damaged VERSION is left out."""
    found = [version for file in (root / FOLDER).glob(f"[!.]*/{VERSION}") if (version := of(file.parent))]
    return sorted(found, key=lambda version: (version.made_at, version.name))


def of(folder: Path) -> Version | None:
    """The version in a folder, or None if the folder is not a version, or its VERSION is damaged."""
    values = recover_json(folder / VERSION)
    return Version(name=folder.name, **values) if values else None


def check_files(root: Path, source: str | Path) -> None:
    """Check the files of an encoder under an artifact root. A damaged one that can be made again is set aside.

    Raises:
        ArtifactError: If it was fine-tuned, which takes long and depends on the events of then.
    """
    folder = Path(source)
    if folder.parent != root / FOLDER or not folder.is_dir() or not (damaged := _damaged(folder)):
        return
    if not folder.name.startswith(TUNED_NAME):
        set_aside(folder, f"{damaged} is not as it was written")
        return
    raise ArtifactError(
        f"{folder / damaged} is damaged: restore it from a backup, go back to the encoder before with "
        "`chatrec encoders use --back`, or train another one with `chatrec finetune`.",
        folder / damaged,
    )


def _damaged(folder: Path) -> str | None:
    """Name of a damaged file of an encoder."""
    if not (folder / DIGESTS).exists():
        return DIGESTS
    if folder.name.startswith((TUNED_NAME, LOCAL_NAME)) and of(folder) is None:
        return VERSION
    return damaged_file(folder)


def record(folder: Path, scores: Mapping[str, Any], vectors: str = "") -> None:
    """Add scores and the folder of vectors to a version. Other folders are left alone."""
    if version := of(folder):
        _write(folder, replace(version, scores={**version.scores, **scores}, vectors=vectors or version.vectors))


def live(root: Path) -> Path | None:
    """Folder of the live version, or None if the settings choose the encoder.

    Raises:
        RunError: If the folder is missing.
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
    """Make a version live; the next run encodes with it.

    Raises:
        RunError: If the version does not exist, or its files were changed.
    """
    folder, state = root / FOLDER / name, _state_or_none(root)
    existing = {version.name: version for version in versions(root)}
    if name not in existing:
        raise RunError(
            f"There is no encoder {name!r} under {root / FOLDER}. There are: {', '.join(existing) or 'none'}."
        )
    if existing[name].fingerprint != _fingerprint(folder):
        raise RunError(f"The files of encoder {folder} are not those that were saved: it cannot be promoted.")
    if name != state.live:
        _write_state(root, _Live(name, (*state.before, state.live)))
    return folder


def _state_or_none(root: Path) -> _Live:
    """The live version and those before it; a damaged record of them is set aside."""
    recover_json(root / FOLDER / LIVE)
    return _state(root)


def rollback(root: Path) -> Path | None:
    """Make the previous version live again.

    Returns:
        Its folder, or None if the settings choose again.

    Raises:
        RunError: If no version was promoted.
    """
    state = _state(root)
    if not state.before:
        raise RunError("There is no encoder to go back to: none was promoted.")
    _write_state(root, _Live(state.before[-1], state.before[:-1]))
    return live(root)


def mark_erasure(root: Path) -> None:
    """Record an erasure: all fine-tuned versions so far were trained on data of a user who is now erased."""
    write_json(root / FOLDER / ERASED, {"at": _now()})


def trained_on_erased(root: Path, folder: Path) -> bool:
    """Whether an encoder was trained on data of a user who has been erased since."""
    file, version = root / FOLDER / ERASED, of(folder)
    if version is None or version.how not in TUNED or not file.exists():
        return False
    record = recover_json(file)
    if record is None:  # some erasure has been, at a time that is lost
        mark_erasure(root)
        return True
    return version.made_at <= str(record["at"])


def prune(root: Path, keep: int) -> list[str]:
    """Remove fine-tuned versions and their vectors, except for the live one, the one before it and the newest.

    Versions that were trained on data of an erased user are removed too, except for the live one.

    Args:
        root: Artifact root.
        keep: Number of newest versions to keep, at least one.

    Returns:
        Names of the removed versions.
    """
    state, tuned = _state(root), [version for version in versions(root) if version.how in TUNED]
    kept = {state.live, *state.before[-1:], *(version.name for version in tuned[-keep:])}
    kept = {name for name in kept if name and (name == state.live or not trained_on_erased(root, root / FOLDER / name))}
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


def _write(folder: Path, version: Version) -> None:
    values = asdict(version)
    del values["name"]  # the folder has the name
    write_json(folder / VERSION, values)


def _state(root: Path) -> _Live:
    file = root / FOLDER / LIVE
    if not file.exists():
        return _Live(None, ())
    values = read_json(file, "Name the live encoder with `chatrec encoders use`, which writes the file again.")
    return _Live(values["live"], tuple(values["before"]))


def _write_state(root: Path, state: _Live) -> None:
    write_json(root / FOLDER / LIVE, asdict(state))
