"""Errors of PostgreSQL as errors of chatrec: cause, place and remedy, told by SQLSTATE and not by words."""

import os
import re
from collections.abc import Iterator
from typing import Any

import psycopg2
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from chatrec.db import libpq, rights
from chatrec.db.address import arguments, shown
from chatrec.errors import ChatrecError, DatabaseUnavailable, SettingsError, StatementRefused, TransientError

SERIALIZATION_FAILURE = "40001"
TRANSIENT_CLASSES = ("08", "40", "53", "55", "57", "58", "XX")
"""SQLSTATE classes: connection lost, rolled back, out of resources, lock not available, ended, system, internal."""
TIMEOUTS = {
    "57014": "statement_timeout",
    "25P03": "idle_in_transaction_session_timeout",
    "25P04": "transaction_timeout",
    "57P05": "idle_session_timeout",
}
LOCK_NOT_AVAILABLE = "55P03"
LIBPQS_QUESTION = " Is the server running on that host and accepting TCP/IP connections"
"""End of a refusal's words, where it is English."""
LOCK_SECONDS = 300
"""Longest wait for a lock of another transaction, such as one that keeps the row of the live run."""
LOCKED = (
    f"Another transaction keeps a lock for over {LOCK_SECONDS} s. The log names it every minute: end it, and try again."
)
STRICT_TLS = ("require", "verify-ca", "verify-full")
LOGIN_OPTIONS = ("require_auth", "channel_binding")
STANDBY = (
    "If the recovery of a standby ended it: set hot_standby_feedback = on or a longer max_standby_streaming_delay on "
    "the standby, or read from the primary."
)
LIMITS = (
    "SELECT pg_is_in_recovery(), array(SELECT name || ' = ' || current_setting(name) FROM pg_settings "
    "WHERE name = ANY (%s) AND setting <> '0' ORDER BY name)"
)
INTERRUPT = "ProcessInterrupts"
"""Function of PostgreSQL that ends statements and connections."""
WITHOUT_VALUES = ("08", "25", "28", "3D", "40", "42", "53", "55", "57", "58")
"""SQLSTATE classes whose messages name settings and tables, not values, unless a function raised them."""


class ConnectFailed(psycopg2.OperationalError):
    """Raised when no connection was made."""


def connect(values: dict[str, Any]) -> Any:
    """Connect as `psycopg2.connect` does.

    Raises:
        ConnectFailed: If there is no connection, also if the server says so in another encoding.
    """
    try:
        return psycopg2.connect(**values)
    except psycopg2.OperationalError as error:
        raise ConnectFailed(str(error)) from None
    except UnicodeDecodeError as error:
        raise ConnectFailed(error.object.decode("latin-1")) from None


def keep_reason(connection: Any, error: BaseException) -> None:
    """Put the server's reason for closing a connection into the error, whose own message only says that it is closed.

    Must be called before the connection is closed on this side.
    """
    if isinstance(error, psycopg2.Error) and error.pgcode is None and connection.closed:
        error.args = (connection.info.error_message or str(error),)


def translated(setting: str, url: URL, error: DBAPIError | psycopg2.Error) -> ChatrecError:
    """Translate an error of the driver.

    Args:
        setting: The setting that names the database.
        url: The database, shown without its secrets.
        error: The error.
    """
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    code, reason = getattr(cause, "pgcode", None), _words(cause)
    where = f"{setting} ({shown(url)})"
    if isinstance(cause, ConnectFailed):
        return _not_connected(setting, url, where, reason)
    if code is None and isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError):
        reason = next(iter(re.findall(r"^[^\s:]+:  (.+)$", str(cause), re.MULTILINE)), reason)
        return DatabaseUnavailable(f"The database of {where} broke off: {reason}. {_why_it_ended(url)}".rstrip())
    if refusal := rights.refusal(cause, setting, shown(url)):
        return refusal
    if code and (code in TIMEOUTS or code[:2] in TRANSIENT_CLASSES):
        return TransientError(f"The database of {where} broke off: {reason}. {_remedy(code, cause, url)}".rstrip())
    return StatementRefused(f"The database of {where} rejects a statement ({code}): {reason}.")


def _not_connected(setting: str, url: URL, where: str, reason: str) -> ChatrecError:
    """Tell a wrong setting from a server that is down, starting, or full."""
    code = libpq.sqlstate(arguments(url))
    if code and code[:2] not in TRANSIENT_CLASSES:
        return SettingsError(f"{where} is refused: {reason}. Correct {setting}.")
    if code:
        return DatabaseUnavailable(f"The database of {where} accepts no connection now: {reason}.")
    if problem := _wrong_program(url):
        return SettingsError(f"{where} is refused: {reason}. {problem} Correct {setting}.")
    reason = reason.removesuffix(LIBPQS_QUESTION)
    return DatabaseUnavailable(
        f"The database of {where} does not answer: {reason}. Is it running, and reachable from here?"
    )


def _wrong_program(url: URL) -> str:
    """Say what is wrong with a server that answers without a SQLSTATE; empty if nothing is, or it does not answer."""
    given = arguments(url)
    if any(given.get(option) for option in LOGIN_OPTIONS) and libpq.answers(given):
        return f"The server logs in otherwise than {' and '.join(LOGIN_OPTIONS)} allow."
    hosts = str(given.get("host") or os.environ.get("PGHOST", ""))
    if not hosts or "/" in hosts:
        return ""
    answer = libpq.tls_answer(hosts, str(given.get("port") or os.environ.get("PGPORT", "")))
    strict = (given.get("sslmode") or os.environ.get("PGSSLMODE")) in STRICT_TLS or "sslrootcert" in given
    if strict and answer == b"N":
        return "The server does not speak TLS, which sslmode demands."
    if strict and answer == b"S":
        return "The server speaks TLS: see sslmode, sslrootcert and sslcert."
    return "This is not a PostgreSQL server." if answer and answer not in (b"N", b"S", b"E") else ""


def _remedy(code: str, cause: Any, url: URL) -> str:
    if code == LOCK_NOT_AVAILABLE:
        return LOCKED
    if name := TIMEOUTS.get(code):
        return f"If {name} ended it: {_alter(url, [name])}"
    conflict = code == SERIALIZATION_FAILURE and cause.diag.source_file == "postgres.c"
    return STANDBY if conflict else ""


def _why_it_ended(url: URL) -> str:
    """Name the settings that may have ended a connection, as a new one finds them: a lost one leaves no SQLSTATE."""
    try:
        connection = connect(arguments(url))
    except psycopg2.Error:
        return ""
    try:
        with connection.cursor() as opened:
            opened.execute(LIMITS, (list(TIMEOUTS.values()),))
            standby, limits = opened.fetchone()
    except psycopg2.Error:
        return ""
    finally:
        connection.close()
    timeouts = f"If a timeout ended it ({', '.join(limits)}): {_alter(url, [limit.split()[0] for limit in limits])}"
    return " ".join(([STANDBY] if standby else []) + ([timeouts] if limits else []))


def _alter(url: URL, names: list[str]) -> str:
    role = f'"{url.username}"' if url.username else "CURRENT_USER"
    return " ".join(f"ALTER ROLE {role} SET {name} = 0;" for name in names)


def recorded(error: BaseException) -> str:
    """Message of an error for the records of runs, which many may read and which outlive an erasure.

    PostgreSQL's words may quote values of rows: the condition is named instead, and the log has the words.
    """
    cause = next(_database_errors(error, set()), None)
    text = str(error) if isinstance(error, ChatrecError | OSError) else f"Unexpected {type(error).__name__}."
    if cause is None:
        return text
    primary = cause.diag.message_primary or ""
    said = next((words for words in (_words(cause), primary) if words and words in text), None)
    before = text.partition(said)[0] if said else "PostgreSQL reports "
    if _may_quote(cause):
        return f"{before}{_condition(cause)} The log has PostgreSQL's words."
    if cause.diag.context is not None:  # which may quote the row
        return f"{before}{primary}."
    return text if isinstance(error, ChatrecError) else f"{type(error).__name__}: {_words(cause)}"


def _database_errors(error: BaseException | None, seen: set[int]) -> Iterator[Any]:
    """The driver's errors that led to an error, also where the chain is hidden from tracebacks."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    if isinstance(error, psycopg2.Error):
        yield error
    parts = (getattr(error, "orig", None), error.__cause__, error.__context__)
    for part in parts:
        yield from _database_errors(part, seen)


def _may_quote(cause: Any) -> bool:
    """Whether the message may quote a value: by its SQLSTATE, or because a function may have raised it."""
    code, raised = cause.pgcode, cause.diag.context is not None and cause.diag.source_function != INTERRUPT
    return code is not None and (code[:2] not in WITHOUT_VALUES or raised)


def _condition(cause: Any) -> str:
    """SQLSTATE and its name, with the table, column and constraint where PostgreSQL names them."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(cause).__name__).lower()
    kinds = {"table": cause.diag.table_name, "column": cause.diag.column_name, "constraint": cause.diag.constraint_name}
    places = [f"{kind} {place}" for kind, place in kinds.items() if place]
    return f"{name} ({', '.join([f'SQLSTATE {cause.pgcode}', *places])})."


def _words(cause: Any) -> str:
    return " ".join(str(cause).split()).rstrip(".?")
