"""Connections that fail: wrong settings are told from a database that is down, in any language, and show no secret."""

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from chatrec.config import Settings
from chatrec.db import embedded
from chatrec.db import engine as engines
from chatrec.db.address import address
from chatrec.errors import ChatrecError, SettingsError
from chatrec.publish.read import open_psql
from tests.support.databases import connect
from tests.support.proxy import Proxy
from tests.support.secrets import parts_in

SECRET = "geheim%nis"
ROLES = {
    "refused_locked": "LOGIN PASSWORD 'right'",
    "refused_nologin": "NOLOGIN",
    "refused_guest": "LOGIN",
    "refused_full": "LOGIN CONNECTION LIMIT 0",
}


def in_german(data: bytes) -> bytes:
    """The server's errors as one in LATIN1 that speaks German sends them; codes and lengths stay."""
    words = {
        b"password authentication failed for user": "Passwort-Authentifizierung für Benutzer",
        b"does not exist": "gibt es nicht",
        b"is not permitted to log in": "darf sich nicht anmelden",
        b"permission denied for database": "keine Rechte für Datenbank",
        b"too many connections for role": "zu viele Verbindungen für",
    }
    for english, german in words.items():
        data = data.replace(english, german.encode("latin-1").ljust(len(english), b"."))
    return data


@pytest.fixture(scope="module")
def proxy(server: str) -> Iterator[Proxy]:
    """The server as seen on TCP, in German; the role refused_locked needs a password."""
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        for role, rights in ROLES.items():
            cursor.execute(f"DROP ROLE IF EXISTS {role}")
            cursor.execute(f"CREATE ROLE {role} {rights}")
        cursor.execute("DROP DATABASE IF EXISTS refused_private")
        cursor.execute("CREATE DATABASE refused_private")
        cursor.execute("REVOKE CONNECT ON DATABASE refused_private FROM PUBLIC")
        cursor.execute("SHOW hba_file")
        hba = Path(cursor.fetchone()[0])
        before = hba.read_text(encoding="utf-8")
        hba.write_text(f"local all refused_locked scram-sha-256\n{before}", encoding="utf-8")
        cursor.execute("SELECT pg_reload_conf(), pg_sleep(0.3)")
        with Proxy(server, in_german) as made:
            yield made
        hba.write_text(before, encoding="utf-8")
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute("DROP DATABASE refused_private")
        for role in ROLES:
            cursor.execute(f"DROP ROLE {role}")


def refuse(url: str) -> str:
    """The error of a connection, which shows no secret."""
    engine = engines._engine(address("database.url", url), "chatrec test")
    with (
        pytest.raises(ChatrecError) as caught,
        engines.readable_errors("database.url", engine.url),
        engine.connect(),
    ):
        pass
    assert not parts_in(SECRET, f"{caught.value!s} {caught.value!r}")
    assert "sqlalche" not in str(caught.value)
    return f"{type(caught.value).__name__}: {caught.value}"


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"username": "refused_locked", "password": SECRET}, "", "Passwort-Authentifizierung für Benutzer"),
        ({"username": "refused_locked"}, "", "no password supplied"),
        ({"username": "refused_unknown", "password": SECRET}, "", '"refused_unknown" gibt es nicht'),
        ({"username": "refused_nologin"}, "", "darf sich nicht anmelden"),
        ({"username": "refused_guest", "database": "refused_private"}, "", "keine Rechte für Datenbank"),
        ({"database": "refused_unknown"}, "", '"refused_unknown" gibt es nicht'),
        ({"password": SECRET}, "?sslmode=require", "does not speak TLS, which sslmode demands"),
        ({}, "?sslmode=verify-full&sslpassword=geheim%25nis", "does not speak TLS, which sslmode demands"),
        (
            {"username": "refused_locked", "password": "right"},
            "?require_auth=md5",
            "logs in otherwise than require_auth",
        ),
        ({}, "?options=-cno_such_parameter=1", "no_such_parameter"),
        ({}, "?options=-cwork_mem=much", "work_mem"),
    ],
)
def test_a_server_that_refuses_is_a_wrong_setting(
    changes: dict[str, str], options: str, words: str, proxy: Proxy
) -> None:
    said = refuse(proxy.url(**changes) + options)
    assert re.search(rf"^SettingsError: database\.url \(.*\) is refused: .*{words}.* Correct database\.url\.$", said)


def test_a_server_that_is_full_is_transient(proxy: Proxy) -> None:
    said = refuse(proxy.url(username="refused_full"))
    assert re.search(r"^DatabaseUnavailable: .* accepts no connection now: .*zu viele Verbindungen für", said)


@pytest.mark.parametrize(
    "place", ["127.0.0.1:9", "[::1]:9", "no-such-host.invalid", "127.0.0.1:9,127.0.0.1:10", "%2Fno%2Fsuch%2Ffolder"]
)
def test_a_database_that_is_down_is_transient(place: str) -> None:
    said = refuse(f"postgresql://u:geheim%25nis@{place}/nothing")
    assert said.startswith("DatabaseUnavailable: The database of database.url (postgresql+psycopg2://u:***@")
    assert "does not answer" in said


def test_of_several_hosts_one_answers(proxy: Proxy) -> None:
    url = f"postgresql://postgres:geheim%25nis@127.0.0.1:9,127.0.0.1:{proxy.port}"
    engine = engines._engine(address("database.url", f"{url}/postgres"), "chatrec test")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW application_name").scalar_one().startswith("chatrec test")
    engine.dispose()
    assert refuse(f"{url}/refused_unknown").startswith("SettingsError")


@pytest.mark.parametrize(("answer", "error"), [(b"HTTP/1.1 400\r\n", "SettingsError"), (b"", "DatabaseUnavailable")])
def test_a_port_of_something_else(answer: bytes, error: str) -> None:
    """A program that is no PostgreSQL is a wrong setting; one that hangs up, as a balancer in front of none, is not."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    client, _ = door.accept()
                except OSError:
                    return
                with client:
                    client.recv(8)
                    client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        said = refuse(f"postgresql://u:geheim%25nis@127.0.0.1:{door.getsockname()[1]}/d?sslmode=require")
    assert said.startswith(error)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("schema=public", "no connection option schema.*database.schema_name"),
        ("pgbouncer=true", "no connection option pgbouncer"),
        ("sslmode=require&connection_limit=1", "no connection option connection_limit"),
        ("ssl=no", "no connection option ssl.*sslmode=require"),
        ("async_=1", "no connection option async_"),
        ("service=nosuch", "the value of the connection option service"),
        ("sslmode=geheim%25nis", "the value of the connection option sslmode"),
        ("target_session_attrs=geheim%25nis", "the value of the connection option target_session_attrs"),
        ("sslrootcert=system&sslmode=require", r"its options \(sslrootcert, sslmode\)"),
    ],
)
def test_a_wrong_option_is_named_without_a_connection(options: str, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"database\.url.*{message}") as caught:
        address("database.url", f"postgresql://u:geheim%25nis@127.0.0.1:9/d?{options}")
    assert not parts_in(SECRET, str(caught.value))


def test_wrong_options_of_the_environment_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "nonsense")
    with pytest.raises(SettingsError, match="of the environment"):
        address("database.url", "postgresql://127.0.0.1/d")


def test_a_password_file(proxy: Proxy, tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("*:*:*:refused_locked:right\n", encoding="utf-8")
    file.chmod(0o600)
    url = make_url(proxy.url(username="refused_locked")).update_query_dict({"passfile": str(file)})
    engine = engines._engine(address("database.url", url.render_as_string(hide_password=False)), "chatrec test")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT current_user").scalar_one() == "refused_locked"
    engine.dispose()


def test_psql_logs_in_and_its_arguments_show_no_password(
    server_folder: Path, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = embedded.binaries(server_folder / "postgres") / "psql"
    script = tmp_path / "psql"
    answer = "SELECT current_user, current_setting('search_path'), current_setting('work_mem')"
    script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\n{real} "$@" -Atc "{answer}" >> {tmp_path}/said\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    options = "options=-cwork_mem%3D1234kB&sslpassword=geheim%25nis"
    url = f"{proxy.url(username='refused_locked', password='right')}?{options}"
    changed = {"database.url": url, **{f"source.{name}": "SELECT 1" for name in ("users", "items", "interactions")}}
    assert open_psql(Settings().override(changed)) == 0
    address, found = (tmp_path / "said").read_text(encoding="utf-8").splitlines()
    assert found == "refused_locked|chatrec,public|1234kB"
    assert "right" not in address
    assert not parts_in(SECRET, address)
