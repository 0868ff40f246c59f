"""Every error that chatrec raises on purpose.

ChatrecError
├── TerminalError          trying again cannot help
│   ├── SettingsError      a setting is wrong: which one, and what to write instead
│   │   └── MappingError   a mapping SELECT does not fit the contract
│   ├── RunStopped         a check stopped the night before anything was published
│   ├── RunError           a run that does not exist, or cannot do what is asked of it
│   └── DataError          a table or an argument that a model cannot use: what is wrong with it
└── TransientError         trying again may help
    ├── DatabaseUnavailable
    └── Busy               somebody else is at work: who, and on what

Messages are one paragraph for the person at the prompt: what was wrong, where, what to do. This module imports
nothing, because Airflow's scheduler loads it to decide about retries.
"""


class ChatrecError(Exception):
    """The root of the tree; ``exit_code`` is what the command line returns."""

    exit_code = 1


class TerminalError(ChatrecError):
    """Trying again cannot help."""


class TransientError(ChatrecError):
    """Trying again may help."""


class SettingsError(TerminalError):
    """A setting is wrong."""

    exit_code = 2


class MappingError(SettingsError):
    """A mapping SELECT does not fit the contract."""


class RunStopped(TerminalError):
    """A check stopped the night; the recommendations of the night before stay live."""


class RunError(TerminalError):
    """A run that does not exist, or cannot do what is asked of it."""


class DataError(TerminalError, ValueError):
    """A table or an argument that a model cannot use."""

    exit_code = 2


class DatabaseUnavailable(TransientError):
    """The database does not answer, or broke off."""


class Busy(TransientError):
    """Somebody else holds the lock that this work needs."""
