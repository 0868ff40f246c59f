"""The database from the Airflow connection `chatrec_db`, in all forms that Airflow's own hook for Postgres takes."""

import json
import re
from typing import Any

CONNECTION = "chatrec_db"
"""Name of the Airflow connection that gives the database if no setting does."""
TYPES = ("postgres", "postgresql", "pgvector")
OF_THE_HOOK = {
    "iam", "redshift", "redshift-serverless", "cursor", "cluster-identifier", "workgroup-name", "aws_conn_id",
    "azure_conn_id", "sqlalchemy_scheme", "sqlalchemy_query", "enable_log_db_messages",
}  # fmt: skip
"""Keys of the extra field that belong to Airflow's hook and not to the connection."""
WRONG = (ValueError, TypeError, AttributeError, KeyError)
"""Errors of a value that is no connection, not of a source that does not answer."""
NESTED, OLD_FORM = "__extra__", "extra__postgres__"


def connection_url() -> str:
    """URL of the connection; empty if there is no such connection.

    Raises:
        SettingsError: If the connection cannot be used. Names it, and shows no value.
        TransientError: If Airflow cannot say whether there is one.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from chatrec.config.connection_url import url_of
    from chatrec.db.address import address
    from chatrec.errors import SettingsError, TransientError

    try:
        connection = BaseHook.get_connection(CONNECTION)
    except AirflowNotFoundException:
        _refuse_unread()
        return ""
    except PermissionError:
        raise SettingsError(f"This task may not read the Airflow connection {CONNECTION}.") from None
    except Exception as error:
        raise TransientError(f"Airflow does not give the connection {CONNECTION}: {type(error).__name__}.") from None
    try:
        url = url_of(_parameters(connection))
    except ValueError as error:
        raise SettingsError(f"The Airflow connection {CONNECTION} is not valid: {error}.") from None
    address(f"The Airflow connection {CONNECTION}", url)
    return url


def _parameters(connection: Any) -> dict[str, str]:
    kind = (connection.conn_type or "").lower()
    if kind not in TYPES:
        raise ValueError(f"its type is {kind or 'empty'}: expected postgres")
    host, port = _place(connection.host or "", str(connection.port or ""))
    fields = {
        "user": connection.login,
        "password": connection.password,
        "host": host,
        "port": port,
        "dbname": connection.schema,
    }
    return {name: value for name, value in fields.items() if value} | _options(connection.extra)


def _place(host: str, port: str) -> tuple[str, str]:
    """Hosts and ports: a name, an address, a folder of a socket, or several with a port each."""
    if "/" in host:
        return host, port
    pairs = [re.fullmatch(r"\[(.*)\](?::([0-9]*))?|([^:]*):([0-9]*)|(.*)", part.strip()) for part in host.split(",")]
    hosts = [pair[1] or pair[3] or pair[5] or "" for pair in pairs if pair]
    ports = [pair[2] or pair[4] or port for pair in pairs if pair]
    return ",".join(hosts), ",".join(ports) if len(set(ports)) > 1 else ports[0]


def _options(extra: Any) -> dict[str, str]:
    """Options of the extra field as libpq writes them."""
    options: dict[str, str] = {}
    for key, value in _object(extra).items():
        name = key.removeprefix(OLD_FORM)
        if name in OF_THE_HOOK or value is None or value == "":
            continue
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError("its extra has a key that is no name of an option")
        if not isinstance(value, str | int | float):
            raise ValueError(f"{name} of its extra is no text, number or boolean")
        whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
        options[name] = str(int(value) if whole else value)
    return options


def _object(extra: Any) -> dict[str, Any]:
    """The extra field as an object, also if it is text in text, or lies under `__extra__`."""
    while isinstance(extra, str) and extra.strip():
        try:
            extra = json.loads(extra)
        except json.JSONDecodeError as error:
            raise ValueError(f"its extra is not valid JSON, at character {error.pos}") from None
    if not extra:
        return {}
    if not isinstance(extra, dict):
        raise ValueError("its extra is no JSON object")
    return _object(extra.pop(NESTED, None)) | extra


def _refuse_unread() -> None:
    """Ask each source of connections again: Airflow says `not defined` also where one fails, or gives what is no JSON.

    Raises:
        SettingsError: If there is a connection that cannot be read.
        TransientError: If a source does not answer.
    """
    from airflow.sdk.execution_time.secrets import ExecutionAPISecretsBackend
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded
    from airflow.secrets.environment_variables import EnvironmentVariablesBackend

    from chatrec.errors import SettingsError, TransientError

    for source in ensure_secrets_backend_loaded():
        name = type(source).__name__
        try:
            if isinstance(source, ExecutionAPISecretsBackend):
                _ask_the_server()
            else:
                source.get_connection(conn_id=CONNECTION)
        except Exception as error:
            if isinstance(source, EnvironmentVariablesBackend) or isinstance(error, WRONG):
                raise SettingsError(
                    f"The Airflow connection {CONNECTION} of {name} cannot be read ({type(error).__name__}): correct "
                    "its JSON or its URI."
                ) from None
            raise TransientError(f"{name} does not give the connection {CONNECTION}: {type(error).__name__}.") from None


def _ask_the_server() -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    answer = SUPERVISOR_COMMS.send(GetConnection(conn_id=CONNECTION))
    if isinstance(answer, ErrorResponse) and answer.error != ErrorType.CONNECTION_NOT_FOUND:
        raise AirflowRuntimeError(answer)
