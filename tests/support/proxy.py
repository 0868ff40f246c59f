"""A proxy before a PostgreSQL server: on TCP, changing or withholding what passes."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from sqlalchemy import make_url

Change = Callable[[bytes], bytes]


class Proxy:
    """Passes all bytes between clients and the server until it is silenced; the connections stay open.

    Args:
        server: the URL of a server on a Unix socket.
        change: changes what the server sends.
    """

    def __init__(self, server: str, change: Change = bytes) -> None:
        self._server, self._change = make_url(server), change
        self._door = socket.create_server(("127.0.0.1", 0))
        self._silent = threading.Event()
        self._mute: list[threading.Event] = []
        self._sockets: list[socket.socket] = []
        self.clients = 0

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return int(self._door.getsockname()[1])

    def url(self, **changes: Any) -> str:
        """The URL of the database through the proxy."""
        through = self._server.difference_update_query(["host", "port"])
        through = through.set(host="127.0.0.1", port=self.port, **changes)
        return through.render_as_string(hide_password=False)

    def silence(self, also_new: bool = True) -> None:
        """Withholds everything from now on, also of new connections, or not of these."""
        for mute in self._mute:
            mute.set()
        if also_new:
            self._silent.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for opened in (self._door, *self._sockets):
            opened.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            self.clients += 1
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(str(Path(str(self._server.query["host"])) / ".s.PGSQL.5432"))
            self._sockets += [client, upstream]
            mute = threading.Event()
            self._mute.append(mute)
            for source, target, change in ((client, upstream, bytes), (upstream, client, self._change)):
                threading.Thread(target=self._pump, args=(source, target, change, mute), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, change: Change, mute: threading.Event) -> None:
        try:
            while data := source.recv(65536):
                if not self._silent.is_set() and not mute.is_set():
                    target.sendall(change(data))
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return
