"""The settings of a run, kept beside its files: all its steps use them, wherever they run."""

import json
from typing import Any

from chatrec.config import Settings
from chatrec.errors import RunError
from chatrec.runs.run import Run, write_atomically

FILE = "settings.json"


def keep_settings(settings: Settings, run: Run) -> None:
    """Writes down everything that decides what a run computes."""
    write_atomically(run.folder / FILE, json.dumps(_changes(settings), default=str))


def settings_of(settings: Settings, run: Run) -> Settings:
    """The settings with which a run was begun; the connections and the artifact root are those that are given.

    Raises:
        RunError: the run was not begun.
    """
    file = run.folder / FILE
    if not file.exists():
        raise RunError(f"Run {run.key} has no files under {run.root}: begin it with `chatrec run`.")
    return settings.override(json.loads(file.read_text(encoding="utf-8")))


def _changes(settings: Settings) -> dict[str, Any]:
    return {
        f"{section}.{name}": value
        for section, fields in settings.frozen().items()
        if section not in ("artifacts", "database")
        for name, value in fields.items()
    }
