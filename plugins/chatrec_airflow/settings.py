"""Settings inside a task: `chatrec.toml` and CHATREC_*, and the database from an Airflow connection."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatrec.config import Settings


def settings() -> "Settings":
    """Load the settings of this deployment."""
    from chatrec.config import load
    from chatrec_airflow.connection import connection_url

    loaded = load()
    url = "" if loaded.database.url else connection_url()
    return loaded.override({"database.url": url}) if url else loaded


def schedule() -> str:
    """Cron expression of the schedule of runs.

    Airflow calls this whenever it parses the DAG, so no database is queried. With invalid settings the DAG fails to
    parse, and its page shows why; there is no fallback to a schedule that is not configured.
    """
    from chatrec.config import load

    return load().run.schedule


def key_of_run(dag_run: Any) -> str:
    """Key of the run of a DAG run, from `run_after`, which is always set; `logical_date` is not."""
    from chatrec.runs.run import key_of

    return key_of(dag_run.run_after)
