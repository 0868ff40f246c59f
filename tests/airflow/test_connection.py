"""The Airflow connection `chatrec_db`: every form that Airflow's own hook takes, and errors that name it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import make_url

from chatrec.db import engine as engines
from chatrec.db.address import address, arguments
from chatrec.errors import SettingsError, TransientError
from tests.support.secrets import parts_in

VARIABLE = "AIRFLOW_CONN_CHATREC_DB"
SECRET = "pa:s/s@w?rd%41"
pytestmark = pytest.mark.usefixtures("metadata")
Give = Callable[..., dict[str, Any]]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Sets the connection and returns the arguments that psycopg2 would get."""

    def make(**fields: Any) -> dict[str, Any]:
        given = {"conn_type": "postgres", "host": "h", "login": "u", "password": SECRET, "schema": "d", **fields}
        monkeypatch.setenv(VARIABLE, json.dumps(given))
        return read()

    return make


def read() -> dict[str, Any]:
    from chatrec_airflow.connection import connection_url

    return arguments(address("the connection", connection_url()))


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("{}", {}),
        ({}, {}),
        ("", {}),
        (None, {}),
        ('"{}"', {}),
        ({"sslmode": "prefer", "keepalives_idle": 30}, {"sslmode": "prefer", "keepalives_idle": "30"}),
        ({"keepalives": True, "connect_timeout": 5.0, "sslmode": None}, {"keepalives": "1", "connect_timeout": "5"}),
        ({"keepalives": False, "sslcert": ""}, {"keepalives": "0"}),
        ({"cursor": "dictcursor", "iam": True, "enable_log_db_messages": True, "aws_conn_id": "x"}, {}),
        ({"sqlalchemy_query": {"a": 1}, "azure_conn_id": "x", "redshift": False}, {}),
        ({"__extra__": '{"sslmode": "prefer"}', "gssencmode": "disable"}, {"sslmode": "prefer"}),
        ({"__extra__": {"sslmode": "prefer"}}, {"sslmode": "prefer"}),
        ({"extra__postgres__sslmode": "prefer"}, {"sslmode": "prefer"}),
        ({"options": "-c search_path=a,b -c x.y='z & ='"}, {"options": "-c search_path=a,b -c x.y='z & ='"}),
    ],
)
def test_an_extra(extra: Any, expected: dict[str, str], give: Give) -> None:
    found = give(extra=extra)
    assert found["password"] == SECRET
    assert expected.items() <= found.items()
    assert not {"__extra__", "cursor", "iam", "sslcert"} & found.keys()


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1", 5433, ("127.0.0.1", 5433)),
        ("/run/sock", None, ("/run/sock", None)),
        ("/run/sock", 5433, ("/run/sock", "5433")),
        ("::1", 5432, ("::1", 5432)),
        ("[::1]", 5432, ("::1", 5432)),
        ("[::1]:5433", None, ("::1", 5433)),
        ("h1,h2", 5432, ("h1,h2", "5432,5432")),
        ("h1:5432,h2:5433", None, ("h1,h2", "5432,5433")),
        ("h1,[::1]:5433", 5432, ("h1,::1", "5432,5433")),
        ("", None, (None, None)),
    ],
)
def test_a_host(host: str, port: int | None, expected: tuple[str, Any], give: Give) -> None:
    found = give(host=host, port=port)
    assert (found.get("host"), found.get("port")) == expected


@pytest.mark.parametrize("extra", ["", "?sslmode=prefer", "?__extra__=%7B%22sslmode%22%3A+%22prefer%22%7D"])
def test_a_uri(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"postgres://u:pa%3As%2Fs%40w%3Frd%2541@%2Frun%2Fsock/d{extra}")
    found = read()
    assert (found["host"], found["password"], found["dbname"]) == ("/run/sock", SECRET, "d")
    assert found.get("sslmode", "prefer") == "prefer"


@pytest.mark.parametrize("extra", ["{}", {"keepalives_idle": 30, "cursor": "dictcursor", "keepalives": True}])
def test_it_connects(extra: Any, server: str, give: Give) -> None:
    at = make_url(server)
    found = give(host=at.query["host"], login=at.username, schema=at.database, extra=extra)
    connection = engines.connect(found)
    assert connection.info.dbname == at.database
    connection.close()


@pytest.mark.parametrize(
    "value",
    [
        '{"conn_type": "postgres", "password": "pa:s/s@w?rd%41"',
        json.dumps({"conn_type": "mysql", "host": "h", "password": SECRET}),
        json.dumps({"conn_type": "postgres", "host": "h", "password": SECRET, "port": SECRET}),
        json.dumps({"conn_type": "postgres", "host": "h", "password": SECRET, "extra": f"{{{SECRET}"}),
        json.dumps({"conn_type": "postgres", "host": "h", "password": SECRET, "extra": [SECRET]}),
        json.dumps({"conn_type": "postgres", "host": "h", "password": SECRET, "extra": {"sslkey": [SECRET]}}),
        json.dumps({"conn_type": "postgres", "host": "h", "password": SECRET, "extra": {"nosuch": SECRET}}),
        json.dumps({"conn_type": "postgres", "host": "h", "password": SECRET, "extra": {SECRET: 1}}),
        json.dumps({"conn_type": "postgres", "host": "h", "password": SECRET, "port": 99999}),
        json.dumps({"conn_type": "postgres", "hosts": "h", "password": SECRET}),
        json.dumps([SECRET]),
        f"postgres://u:{SECRET}@h/d",
        f"postgres://u:{SECRET}@h://x://y/d",
    ],
)
def test_one_that_cannot_be_read_is_an_error_that_names_it(
    value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(SettingsError, match="Airflow connection chatrec_db") as caught:
        read()
    assert not parts_in(SECRET, f"{caught.value} {caplog.text}")


def test_without_one_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from chatrec_airflow.connection import connection_url

    monkeypatch.delenv(VARIABLE, raising=False)
    assert connection_url() == ""


def test_a_source_of_secrets_that_does_not_answer_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.execution_time import supervisor
    from airflow.secrets.base_secrets import BaseSecretsBackend
    from chatrec_airflow.connection import connection_url

    class Vault(BaseSecretsBackend):
        def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
            raise ConnectionRefusedError(SECRET)

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [Vault()])
    with pytest.raises(TransientError, match="Vault does not give the connection chatrec_db") as caught:
        connection_url()
    assert not parts_in(SECRET, str(caught.value))


@pytest.mark.parametrize(("error", "expected"), [("API_SERVER_ERROR", TransientError), ("CONNECTION_NOT_FOUND", None)])
def test_an_api_server_with_an_error_has_not_said_that_there_is_none(
    error: str, expected: type[Exception] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse
    from chatrec_airflow.connection import connection_url

    class Supervisor:
        def send(self, question: Any) -> ErrorResponse:
            return ErrorResponse(error=ErrorType[error], detail={"said": SECRET})

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(), raising=False)
    if expected is None:
        assert connection_url() == ""
    else:
        with pytest.raises(expected, match="does not give the connection chatrec_db") as caught:
            connection_url()
        assert not parts_in(SECRET, str(caught.value))
