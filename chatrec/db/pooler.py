"""Poolers in transaction mode, which give each transaction another session, so that locks of a session hold nothing."""

from sqlalchemy import Connection, Engine, text

from chatrec.errors import SettingsError

ROUNDS = 3
"""Other clients of a pool may hide it in one round."""


def refuse_transaction_pooler(engine: Engine) -> None:
    """Check that a connection is a session. Nothing is set in sessions that may be other clients', too.

    Raises:
        SettingsError: If statements of a connection are executed by several sessions, or two connections share one.
    """
    each = engine.execution_options(isolation_level="AUTOCOMMIT")
    with each.connect() as one, each.connect() as other:
        pooled = any(_shared(one, other) for _ in range(ROUNDS))
    if pooled:
        raise SettingsError(
            "database.url goes through a pooler in transaction mode: use its session port or a direct connection. "
            "Locks belong to a session, and the pooler gives each transaction another one."
        )


def _shared(one: Connection, other: Connection) -> bool:
    """Whether a connection changes its session, or both have the same one."""
    session = _session(one)
    return _session(one) != session or _session(other) == session or _session(one) != session


def _session(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")))
