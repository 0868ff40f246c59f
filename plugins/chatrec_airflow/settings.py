"""Chatrec's settings inside a task: `chatrec.toml` and CHATREC_*, and the database from an Airflow connection."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatrec.config import Settings

CONNECTION = "chatrec_db"
"""An Airflow connection of this name, if there is one, says which database to use when no setting does."""


def settings() -> "Settings":
    """The settings of this deployment."""
    from chatrec.config import load

    found = load()
    url = "" if found.database.url else _connection_url()
    return found.override({"database.url": url}) if url else found


def schedule() -> str:
    """When nights run, as cron has it.

    Read whenever Airflow parses the DAG, so nothing is asked of a database. Settings that are wrong keep the DAG from
    being parsed, and its page shows why: a schedule that nobody wrote down would be worse.
    """
    from chatrec.config import load

    return load().night.schedule


def key_of_run(dag_run: Any) -> str:
    """The key of the night that a DAG run stands for: `run_after` is always there, `logical_date` is not."""
    from chatrec.runs.run import key_of

    return key_of(dag_run.run_after)


def _connection_url() -> str:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

    try:
        return str(BaseHook.get_connection(CONNECTION).get_uri())
    except (AirflowNotFoundException, AirflowRuntimeError):
        return ""
