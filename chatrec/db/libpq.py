"""libpq's own answers about connections, which do not depend on the language of the server.

psycopg2 gives no SQLSTATE of a failed connection, and its message is in the language of the server. libpq's functions
are therefore called directly; where they cannot be loaded, the answer is unknown.
"""

import ctypes
import re
import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psycopg2
from psycopg2 import _psycopg
from psycopg2.extensions import POLL_OK, POLL_READ, make_dsn

ANSWERS, INVALID_PARAMETERS = 0, 3
"""PQPING_OK, also if the client breaks off after the server has asked for a login, and PQPING_NO_ATTEMPT."""
SQLSTATE_ONLY = 3
"""PQERRORS_SQLSTATE: messages have the SQLSTATE instead of words."""
TLS_REQUEST = struct.pack("!ii", 8, 80877103)
NO_PASSWORD = "28P01"
PATIENCE_SECONDS = 10.0


def has_option(name: str) -> bool:
    """Whether libpq has a connection option of a name."""
    try:
        make_dsn(**{name: ""})
    except psycopg2.Error:
        return False
    return True


def accepts(options: Mapping[str, str]) -> bool:
    """Whether names and values of connection options are valid. Connects to nothing."""
    if not all(map(has_option, options)):
        return False
    given = {**options, "host": "/nowhere", "password": "none"}  # without a password, libpq opens its file
    library = _library()
    return bool(library is None or library.PQping(make_dsn(**given).encode()) != INVALID_PARAMETERS)


def answers(arguments: Mapping[str, Any]) -> bool:
    """Whether a server of PostgreSQL answers, whatever comes of the login."""
    library = _library()
    return bool(library is not None and library.PQping(make_dsn(**arguments).encode()) == ANSWERS)


def sqlstate(arguments: Mapping[str, Any]) -> str | None:
    """SQLSTATE with which a server refuses a connection; None if it accepts it, or there is no answer.

    Args:
        arguments: Arguments of `psycopg2.connect`.
    """
    try:
        ask(arguments, "SELECT")
    except Refused as refused:
        return refused.sqlstate
    except TimeoutError:
        return None
    return None


class Refused(Exception):
    """Raised when a server answers, but not the question."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def ask(arguments: Mapping[str, Any], statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """First row of a statement, over a connection of its own, within seconds.

    Raises:
        Refused: If the server refuses the connection or the statement.
        TimeoutError: If there is no answer, or no server.
    """
    library, connection = _library(), None
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        connection = psycopg2.connect(**arguments, async_=1)
        if library is not None:
            library.PQsetErrorVerbosity(ctypes.c_void_p(connection.pgconn_ptr), SQLSTATE_ONLY)
        _wait(connection, deadline)
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            _wait(connection, deadline)
            return tuple(cursor.fetchone() or ()) if cursor.description else None
    except psycopg2.Error as error:
        code = error.pgcode or _code_in(str(error))
        if code is None and connection is not None and connection.info.needs_password:
            code = NO_PASSWORD
        raise Refused(code) if code else TimeoutError from None
    except UnicodeDecodeError as error:  # the word FATAL in another encoding
        raise Refused(_code_in(error.object.decode("latin-1")) or "") from None
    finally:
        if connection is not None:
            connection.close()


def _wait(connection: Any, deadline: float) -> None:
    while (state := connection.poll()) != POLL_OK:
        if (left := deadline - time.monotonic()) <= 0:
            raise TimeoutError
        files = [connection.fileno()]
        select.select(*((files, [], []) if state == POLL_READ else ([], files, [])), left)


def _code_in(message: str) -> str | None:
    codes: list[str] = re.findall(r":  ([0-9A-Z]{5})$", message, re.MULTILINE)
    return codes[-1] if codes else None


def tls_answer(hosts: str, ports: str) -> bytes:
    """Answer of the first host that answers whether it speaks TLS: `S`, `N`, other bytes of other programs, or none."""
    numbers = ports.split(",")
    for place, host in enumerate(hosts.split(",")):
        port = numbers[place if len(numbers) > 1 else 0]
        try:
            with socket.create_connection((host, int(port or 5432)), PATIENCE_SECONDS / 2) as opened:
                opened.sendall(TLS_REQUEST)
                if answer := opened.recv(1):
                    return answer
        except OSError:
            continue
    return b""


@cache
def _library() -> Any:
    """libpq as psycopg2 loaded it."""
    try:
        library = ctypes.CDLL(_psycopg.__file__)
        library.PQping, library.PQsetErrorVerbosity  # noqa: B018  (AttributeError where they are not exported)
    except (OSError, AttributeError):
        return None
    return library
