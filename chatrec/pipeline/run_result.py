"""The result of a run, read from its records in the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection

from chatrec.db import records
from chatrec.db.records import StepRecord
from chatrec.errors import ChatrecError
from chatrec.gate import Check


@dataclass(frozen=True)
class RunResult:
    """Result of a run.

    Examples:
        >>> import chatrec
        >>> result = chatrec.run()
        >>> list(result.steps)[:3]
        ['extract', 'encoder', 'embed']
        >>> result.steps["rank"].result.rows
        200
    """

    key: str
    state: str
    """"published", "dry" (all steps but publish), "stopped" (by a check, or without approval), "failed", "running"."""
    steps: Mapping[str, StepRecord]
    """Steps by name, in the order of their start, with state, seconds, and typed result or error."""
    checks: tuple[Check, ...]
    """Checks of the step gate, failures and warnings first."""
    verdict: str
    """Result of the checks, or the error that ended the run before them, as a paragraph."""
    error: ChatrecError | None = None
    """Error that ended the run; its field `step` names the step. None if it did not fail."""

    @property
    def ok(self) -> bool:
        """Whether all steps succeeded."""
        return self.state in ("published", "dry")

    @classmethod
    def read(cls, connection: Connection, key: str, error: ChatrecError | None = None) -> Self:
        """Read the result of a run.

        Args:
            connection: Connection to chatrec's tables.
            key: Key of the run.
            error: Error that ended the run, if known.

        Raises:
            RunError: If there is no such run.
        """
        record = records.get(connection, key)
        return cls(
            record.key,
            record.state,
            {step.step: step for step in records.steps(connection, record.run)},
            tuple(Check(**row._mapping) for row in records.checks(connection, record.run)),
            record.verdict or "",
            error,
        )
