"""Exceptions of chatrec.

ChatrecError
├── TerminalError          a retry cannot help
│   ├── SettingsError      a setting is wrong; the message names it and the remedy
│   │   └── MappingError   a mapping SELECT does not fit the contract
│   ├── RunStopped         a check stopped the run before publishing
│   └── RunError           a run does not exist, or its state does not allow the operation
└── TransientError         a retry may help
    ├── DatabaseUnavailable
    └── Busy               another process holds the lock; the message names it

A message is one paragraph: cause, place and remedy. This module imports nothing, because Airflow's scheduler loads it
to decide about retries.
"""


class ChatrecError(Exception):
    """Base class of all exceptions; ``exit_code`` is the exit code of the command line."""

    exit_code = 1
    step: str | None = None
    """Name of the step of a run that raised it, if a step did."""


class TerminalError(ChatrecError):
    """Raised when a retry cannot help."""


class TransientError(ChatrecError):
    """Raised when a retry may help."""


class SettingsError(TerminalError):
    """Raised when a setting is wrong."""

    exit_code = 2


class MappingError(SettingsError):
    """Raised when a mapping SELECT does not fit the contract."""


class RunStopped(TerminalError):
    """Raised when a check stops a run. The previous run stays live."""


class RunError(TerminalError):
    """Raised when a run does not exist, or its state does not allow the operation."""


class DataError(TerminalError, ValueError):
    """A table or an argument that a model cannot use."""

    exit_code = 2


class DatabaseUnavailable(TransientError):
    """Raised when the database does not answer or closes the connection."""


class Busy(TransientError):
    """Raised when another process holds the required lock."""
