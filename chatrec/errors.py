"""Exceptions of chatrec.

ChatrecError
├── TerminalError          a retry cannot help
│   ├── SettingsError      a setting is wrong; the message names it and the remedy
│   │   └── MappingError   a mapping SELECT does not fit the contract
│   ├── RunStopped         a check stopped the run before publishing
│   ├── RunError           a run does not exist, or its state does not allow the operation
│   ├── ArtifactError      a file under artifacts.root is damaged, or cannot be read or written
│   ├── StatementRefused   PostgreSQL rejects a statement
│   └── DataError          a table or an argument cannot be used (also a ValueError)
│       ├── UnknownUser    the dataset has no such user
│       ├── UnknownItem    the dataset has no such item
│       └── NotFitted      a model is asked before `fit`
└── TransientError         a retry may help
    ├── DatabaseUnavailable
    ├── Busy               another process holds the lock; the message names it
    └── LockLost           another process took over; this one stops

ChatrecWarning             lists are made, but not as asked for
├── ShortLists             lists have fewer items than asked for
└── NoHistory              users without interactions get a fallback list

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
    """Raised when mapping SELECTs do not fit the contract. ``problems`` has a message for each misfit."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class RunStopped(TerminalError):
    """Raised when a check stops a run. The previous run stays live."""


class RunError(TerminalError):
    """Raised when a run does not exist, or its state does not allow the operation."""


class ArtifactError(TerminalError):
    """Raised when a file under the artifact root is damaged, or cannot be read or written. The message names it."""

    def __init__(self, message: str, file: object = None, why: str = "") -> None:
        super().__init__(message)
        self.file = file
        self.why = why


class StatementRefused(TerminalError):
    """Raised when PostgreSQL rejects a statement. ``chatrec --debug`` shows where."""


class DataError(TerminalError, ValueError):
    """Raised when a table or an argument cannot be used. The message names the table, the column and the remedy."""

    exit_code = 2


class UnknownUser(DataError):
    """Raised when a dataset has no user of an id."""


class UnknownItem(DataError):
    """Raised when a dataset has no item of an id."""


class NotFitted(DataError):
    """Raised when a model is asked for something before `fit`."""


class DatabaseUnavailable(TransientError):
    """Raised when the database does not answer or closes the connection."""


class Busy(TransientError):
    """Raised when another process holds the required lock."""


class LockLost(TransientError):
    """Raised when another process took over after the connection of the lock was lost. This process stops."""


class ChatrecWarning(UserWarning):
    """Base class of all warnings of the Python API."""


class ShortLists(ChatrecWarning):
    """Some lists have fewer items than asked for, because no other item may be in them."""


class NoHistory(ChatrecWarning):
    """Some users have no interactions: their lists are a fallback."""
