"""chatrec: nightly recommendations from your Postgres, through Airflow, into a SQL table.

The names below are the Python API. Models need no database: they are fitted on a `Dataset` made of data frames. `run`
runs the pipeline, and a `Client` reads what it published. Names are imported when they are first used, so that
`import chatrec` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chatrec.errors import (
    ArtifactError,
    Busy,
    ChatrecError,
    ChatrecWarning,
    DatabaseUnavailable,
    DataError,
    LockLost,
    MappingError,
    NoHistory,
    NotFitted,
    RunError,
    RunStopped,
    SettingsError,
    ShortLists,
    TerminalError,
    TransientError,
    UnknownItem,
    UnknownUser,
)

if TYPE_CHECKING:
    from chatrec import models
    from chatrec.api.ensemble import Ensemble
    from chatrec.api.evaluate import evaluate
    from chatrec.api.runs import Client, RunResult, run
    from chatrec.api.storage import load
    from chatrec.api.text_encoder import TextEncoder
    from chatrec.data.dataset import Dataset

__version__ = "0.1.0"
__all__ = [
    "ArtifactError",
    "Busy",
    "ChatrecError",
    "ChatrecWarning",
    "Client",
    "DataError",
    "DatabaseUnavailable",
    "Dataset",
    "Ensemble",
    "LockLost",
    "MappingError",
    "NoHistory",
    "NotFitted",
    "RunError",
    "RunResult",
    "RunStopped",
    "SettingsError",
    "ShortLists",
    "TerminalError",
    "TextEncoder",
    "TransientError",
    "UnknownItem",
    "UnknownUser",
    "evaluate",
    "load",
    "models",
    "run",
]
_LAZY = {
    "Client": "chatrec.api.runs",
    "Dataset": "chatrec.data.dataset",
    "Ensemble": "chatrec.api.ensemble",
    "RunResult": "chatrec.api.runs",
    "TextEncoder": "chatrec.api.text_encoder",
    "evaluate": "chatrec.api.evaluate",
    "load": "chatrec.api.storage",
    "run": "chatrec.api.runs",
}


def __getattr__(name: str) -> Any:
    """Imports a name of the API when it is first used."""
    if name == "models":
        return import_module("chatrec.models")
    if name not in _LAZY:
        raise AttributeError(f"module 'chatrec' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_LAZY[name]), name)
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
