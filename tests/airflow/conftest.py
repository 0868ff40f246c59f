"""A real Airflow with a home of its own; its settings must be there before anything imports it."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="chatrec-airflow-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME / 'airflow.db'}",
    }
)
sys.path.insert(0, str(ROOT / "plugins"))


@pytest.fixture(scope="session")
def metadata() -> None:
    """Airflow's own tables."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)


@cache
def dags() -> Any:
    """The DAGs by id."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags")).dags


@pytest.fixture
def dag_run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a DAG as `dag.test` does; returns its run."""
    monkeypatch.setenv("NO_COLOR", "1")

    def do(dag_id: str = "chatrec_nightly", **conf: Any) -> Any:
        return dags()[dag_id].test(run_conf=conf)

    return do
