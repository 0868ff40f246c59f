"""The runs of `chatrec finetune`: their folders and recorded inputs."""

from dataclasses import dataclass
from pathlib import Path

from chatrec.errors import RunError
from chatrec.runs.run import Run, is_key
from chatrec.runs.sealed import read_json

FOLDER = "finetunes"
BEGUN = "begun.json"
LEARNING = ("text", "encoder", "finetune", "compute")
"""Sections of the settings that change a candidate."""


@dataclass(frozen=True)
class Begun:
    """Inputs of a fine-tuning, recorded at its start."""

    run: str
    """Key of the run whose snapshot is used."""
    live: str
    """Encoder that a candidate is compared with: a folder, or a name on the hub."""
    start: str
    """Encoder whose training continues: the live one, unless it was trained on data of an erased user."""


def begun_of(run: Run) -> Begun:
    """Returns the recorded inputs of a fine-tuning.

    Raises:
        RunError: If it has not begun.
    """
    file = run.folder / BEGUN
    if not file.exists():
        raise RunError(f"Fine-tuning {run.key} has no files under {run.root}: start it with `chatrec finetune`.")
    return Begun(**read_json(file, "Start another fine-tuning with `chatrec finetune`."))


def finetune_run(root: Path, key: str) -> Run:
    """Returns the run of a fine-tuning."""
    return Run(root, key, root / FOLDER / key)


def all_finetunes(root: Path) -> list[Run]:
    """Returns all fine-tunings that have files, the oldest first."""
    folder = root / FOLDER
    keys = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    return [finetune_run(root, key) for key in keys if is_key(key)]
