"""Messages go where the connection says: to a real web server, to a real mail server, or nowhere."""

import json
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from socket import socket
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.support.secrets import parts_in

CONNECTION = "AIRFLOW_CONN_CHATREC_NOTIFY"
pytestmark = pytest.mark.usefixtures("metadata")


@pytest.fixture
def hook() -> Iterator[tuple[list[tuple[str, Any]], int]]:
    """A web server: what was posted where, and its port."""
    posted: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield posted, server.server_port
    server.shutdown()


@pytest.fixture
def mail() -> Iterator[tuple[list[str], int]]:
    """A mail server: what was sent, and its port."""
    sent: list[str] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
            sent.append(f"{envelope.rcpt_tos} {bytes(envelope.content or b'').decode()}")
            return "250 OK"

    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(Handler(), "127.0.0.1", port)
    server.start()
    yield sent, port
    server.stop()


def test_a_webhook_as_slack_has_it(hook: tuple[list[tuple[str, Any]], int], monkeypatch: pytest.MonkeyPatch) -> None:
    from chatrec_airflow.notify import say

    posted, port = hook
    where = {"conn_type": "slackwebhook", "host": f"http://127.0.0.1:{port}/services", "password": "T0/B0/secret"}
    monkeypatch.setenv(CONNECTION, json.dumps(where))
    say("A run waits", "Answer here: http://x/y")
    parts = {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": port}
    monkeypatch.setenv(CONNECTION, json.dumps(parts))
    say("A run", "has failed")
    assert posted == [
        ("/services/T0/B0/secret", {"text": "A run waits\nAnswer here: http://x/y"}),
        ("/", {"text": "A run\nhas failed"}),
    ]


@pytest.mark.parametrize("host", ["http://127.0.0.1:9/services", "http://127.0.0.1:9/ser vices", "http:///", "ftp:/x"])
def test_an_address_that_takes_no_message_is_not_shown(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from chatrec_airflow.notify import say

    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "http", "host": host, "password": "T0/B0/sec\nret"}))
    with pytest.raises(RuntimeError, match="The connection chatrec_notify takes no message") as caught:
        say("A run", "has failed")
    assert not parts_in("T0/B0/sec\nret", str(caught.value))


def test_a_mail(mail: tuple[list[str], int], monkeypatch: pytest.MonkeyPatch) -> None:
    from chatrec_airflow.notify import say

    sent, port = mail
    plain = {"disable_ssl": True, "disable_tls": True, "from_email": "chatrec@example.com", "to": "anna@example.com"}
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": plain}))
    say("A run waits", "Why: <b>two\nlines")
    (message,) = sent
    assert message.startswith("['anna@example.com'] ")
    assert "Subject: A run waits" in message
    assert "From: chatrec@example.com" in message
    assert "<b>" not in message


def test_without_a_connection_nobody_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    from chatrec_airflow.notify import say

    opened: list[Any] = []
    monkeypatch.setattr(socket, "connect", lambda self, address: opened.append(address))
    monkeypatch.delenv(CONNECTION, raising=False)
    say("A run waits", "for nobody")
    assert opened == []
