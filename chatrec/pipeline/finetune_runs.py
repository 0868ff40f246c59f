"""The runs of `chatrec finetune`: where they are, and what each was begun from."""

import json
from dataclasses import dataclass
from pathlib import Path

from chatrec.errors import RunError
from chatrec.runs.run import KEY, Run

FOLDER = "finetunes"
BEGUN = "begun.json"
LEARNING = ("text", "encoder", "finetune", "compute")
"""The sections of the settings that change a candidate."""


@dataclass(frozen=True)
class Begun:
    """What a fine-tuning is made from."""

    run: str
    """The key of the run that gives the snapshot."""
    live: str
    """The encoder that a candidate has to beat: a folder, or a name on the hub."""
    start: str
    """The encoder that a candidate is made from: the live one, unless that remembers somebody who was erased."""


def begun_of(run: Run) -> Begun:
    """What a fine-tuning was begun from.

    Raises:
        RunError: it was not begun.
    """
    file = run.folder / BEGUN
    if not file.exists():
        raise RunError(f"Fine-tuning {run.key} has no files under {run.root}: begin it with `chatrec finetune`.")
    return Begun(**json.loads(file.read_text(encoding="utf-8")))


def finetune_run(root: Path, key: str) -> Run:
    """The run of a fine-tuning."""
    return Run(root, key, root / FOLDER / key)


def all_finetunes(root: Path) -> list[Run]:
    """All fine-tunings that have files, the oldest first."""
    folder = root / FOLDER
    keys = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    return [finetune_run(root, key) for key in keys if KEY.fullmatch(key)]
