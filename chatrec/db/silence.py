"""A watch over connections: it says what a statement waits for, and closes a connection whose database fell silent.

TCP notices a connection that is cut (`address.DEFAULTS`), but not a proxy or a server that keeps it open and says
nothing. A statement may rightly take hours. So once a statement has taken a minute, a second connection asks the
server about it: while the server answers, the statement is waited for.
"""

import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_ACTIVE

from chatrec.db import libpq

LOG = logging.getLogger("chatrec")
QUESTION = """
    SELECT state LIKE 'idle%%', array(
        SELECT b.application_name || ' (pid ' || b.pid || ')' FROM pg_stat_activity b
        WHERE b.pid = ANY (pg_blocking_pids(a.pid)))
    FROM pg_stat_activity a WHERE a.pid = %s AND a.application_name = %s
"""


@dataclass
class _Watched:
    """A connection of psycopg2, and how to connect to its server again."""

    connection: "weakref.ref[Any]"
    arguments: Mapping[str, Any]
    since: float | None = None
    """When the current statement was first seen, or data last came; None between statements."""
    asked: float = 0
    unanswered: int = 0

    @property
    def name(self) -> str:
        return str(self.arguments.get("application_name", "a statement"))

    @property
    def server(self) -> tuple[Any, Any]:
        return self.arguments.get("host"), self.arguments.get("port")


@dataclass
class Watch:
    """Watches connections in a thread, which begins with the first one."""

    first: float = 60
    """Seconds that a statement may take without a word."""
    every: float = 60
    """Seconds between two words about a statement."""
    again: float = 20
    """Seconds between two questions that are not answered."""
    patience: int = 3
    """Questions without an answer after which the connections to a server are closed."""
    _watched: dict[int, _Watched] = field(default_factory=dict)
    _process: int = 0

    def add(self, connection: Any, arguments: Mapping[str, Any]) -> None:
        """Watch a connection until it is closed."""
        self._watched[id(connection)] = _Watched(weakref.ref(connection), arguments)
        if self._process != os.getpid():  # a fork has no threads
            self._process = os.getpid()
            threading.Thread(target=self._run, name="chatrec watch", daemon=True).start()

    def heard(self, connection: Any) -> None:
        """Note that data came or went."""
        if watched := self._watched.get(id(connection)):
            watched.since, watched.unanswered = time.monotonic(), 0

    def _run(self) -> None:
        while True:
            time.sleep(min(self.first, self.again) / 4)
            for key, watched in list(self._watched.items()):
                connection = watched.connection()
                if connection is None or connection.closed:
                    self._watched.pop(key, None)
                elif connection.get_transaction_status() != TRANSACTION_STATUS_ACTIVE:
                    watched.since, watched.unanswered = None, 0
                else:
                    self._look(connection, watched)

    def _look(self, connection: Any, watched: _Watched) -> None:
        now = time.monotonic()
        watched.since = watched.since or now
        pause = self.again if watched.unanswered else self.every
        if now - watched.since < self.first or now - watched.asked < pause:
            return
        self._ask(connection, watched, now - watched.since)
        watched.asked = time.monotonic()

    def _ask(self, connection: Any, watched: _Watched, seconds: float) -> None:
        """Ask the server about the statement of a connection."""
        name = watched.name
        try:
            question = {**watched.arguments, "application_name": "chatrec watch"}
            answer = libpq.ask(question, QUESTION, (connection.info.backend_pid, name[:63]))
        except libpq.Refused as refused:  # it answers
            watched.unanswered = 0
            LOG.info("Waiting for PostgreSQL for %.0f s: %s (%s).", seconds, name, refused.sqlstate)
            return
        except (TimeoutError, psycopg2.Error):
            watched.unanswered += 1
            LOG.warning("PostgreSQL has not answered %s for %.0f s, nor a new connection.", name, seconds)
            if watched.unanswered >= self.patience:
                self._close_all(watched.server)
            return
        idle, blockers = answer or (False, [])
        watched.unanswered = watched.unanswered + 1 if idle else 0
        if watched.unanswered >= self.patience:
            LOG.warning("PostgreSQL has answered %s, and the answer did not arrive: the connection is closed.", name)
            _hang_up(connection)
        else:
            behind = f", behind {', '.join(blockers)}" if blockers else ""
            LOG.info("Waiting for PostgreSQL for %.0f s: %s%s.", seconds, name, behind)

    def _close_all(self, server: tuple[Any, Any]) -> None:
        LOG.warning("PostgreSQL fell silent: its connections are closed.")
        for watched in list(self._watched.values()):
            connection = watched.connection()
            if watched.server == server and connection is not None:
                _hang_up(connection)


def _hang_up(connection: Any) -> None:
    """End a connection under the thread that waits for it, which then finds it closed."""
    with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(connection.fileno())) as opened:
        opened.shutdown(socket.SHUT_RDWR)


WATCH = Watch()
