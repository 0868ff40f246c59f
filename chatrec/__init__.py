"""chatrec: nightly recommendations from your Postgres, through Airflow, into a SQL table.

The names below are the Python API, which needs no database: a model is fitted on a `Dataset` made of data frames. They
are imported when they are first used, so that `import chatrec` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chatrec.errors import (
    Busy,
    ChatrecError,
    ChatrecWarning,
    DatabaseUnavailable,
    DataError,
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
    from chatrec.api.storage import load
    from chatrec.api.text_encoder import TextEncoder
    from chatrec.data.dataset import Dataset

__version__ = "0.1.0"
__all__ = [
    "Busy",
    "ChatrecError",
    "ChatrecWarning",
    "DataError",
    "DatabaseUnavailable",
    "Dataset",
    "Ensemble",
    "MappingError",
    "NoHistory",
    "NotFitted",
    "RunError",
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
]
_LAZY = {
    "Dataset": "chatrec.data.dataset",
    "Ensemble": "chatrec.api.ensemble",
    "TextEncoder": "chatrec.api.text_encoder",
    "evaluate": "chatrec.api.evaluate",
    "load": "chatrec.api.storage",
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
