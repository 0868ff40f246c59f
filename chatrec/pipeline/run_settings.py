"""Settings and options of a run, kept with its files. All its steps use them, wherever they are performed."""

from dataclasses import asdict
from typing import Any

from chatrec.config import Settings
from chatrec.errors import RunError
from chatrec.pipeline.context import DEFAULT_OPTIONS, RunOptions
from chatrec.runs.run import Run
from chatrec.runs.sealed import read_json, write_json

FILE = "settings.json"


def keep_settings(settings: Settings, run: Run, options: RunOptions = DEFAULT_OPTIONS) -> None:
    """Writes the settings and options that determine the result of a run."""
    kept = {"settings": _changes(settings), "options": asdict(options)}
    write_json(run.folder / FILE, kept)


def settings_of(settings: Settings, run: Run) -> Settings:
    """Returns the settings that a run began with, and the connections and artifact root of `settings`.

    Raises:
        RunError: If the run has not begun.
    """
    return settings.override(_kept(run)["settings"])


def options_of(run: Run) -> RunOptions:
    """Returns the options that a run began with.

    Raises:
        RunError: If the run has not begun.
    """
    return RunOptions(**_kept(run)["options"])


def _kept(run: Run) -> dict[str, Any]:
    file = run.folder / FILE
    if not file.exists():
        raise RunError(f"Run {run.key} has no files under {run.root}: start it with `chatrec run`.")
    return read_json(file, f"Begin the run again with `chatrec run --run {run.key}`.")


def _changes(settings: Settings) -> dict[str, Any]:
    return {
        f"{section}.{name}": value
        for section, fields in settings.frozen().items()
        if section not in ("artifacts", "database")
        for name, value in fields.items()
    }
