"""The right of one attempt at a step to write."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from chatrec.db.lock import Lock
from chatrec.errors import LockLost

Check = Callable[[Connection], None]
"""Called in the transaction of a write; raises if another process has taken over."""
ATTEMPT = text("SELECT attempt FROM run_steps WHERE run = :run AND step = :step FOR SHARE")


def unchecked(connection: Connection) -> None:
    """Check nothing."""


@dataclass(frozen=True)
class Fence:
    """An attempt at a step, and the lock under which it works."""

    lock: Lock
    run: int
    step: str
    attempt: int

    def check(self, connection: Connection) -> None:
        """Check, in the transaction of a write, that the attempt is still the latest one.

        Raises:
            LockLost: If another process has taken over the lock or the step.
        """
        self.lock.check(connection)
        if connection.scalar(ATTEMPT, {"run": self.run, "step": self.step}) != self.attempt:
            raise LockLost(
                f"Another process has begun the step {self.step} again. This process stops here, and publishes nothing."
            )
