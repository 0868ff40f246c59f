"""`chatrec up` for real: Airflow's own processes, a night triggered over REST, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psutil
import pytest

from chatrec.db import embedded
from tests.shop import SELECTS, Shop

pytestmark = pytest.mark.system
SMALL = {
    "CHATREC_ENCODER__LOCAL__LAYERS": "1",
    "CHATREC_ENCODER__LOCAL__WIDTH": "32",
    "CHATREC_ENCODER__LOCAL__VOCABULARY": "300",
    "CHATREC_ENCODER__LOCAL__TRAIN_TOKENS": "4096",
    "CHATREC_AIGC__EPOCHS": "4",
    "CHATREC_AIGC__WIDTH": "8",
    "CHATREC_CHECKS__BEATS_POPULARITY": "false",
}


class Airflow:
    """The REST API of a running Airflow."""

    def __init__(self, address: str, password: str) -> None:
        self.address = address
        self.token = ""
        self.token = self.call("POST", "/auth/token", {"username": "admin", "password": password})["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def run(self, dag_id: str, **conf: Any) -> dict[str, str]:
        """Triggers a DAG, waits for its end, and returns the states of its tasks."""
        made = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        path = f"/api/v2/dags/{dag_id}/dagRuns/{made['dag_run_id']}"
        deadline = time.monotonic() + 300
        while self.call("GET", path)["state"] not in ("success", "failed"):
            assert time.monotonic() < deadline
            time.sleep(1)
        return {task["task_id"]: task["state"] for task in self.call("GET", f"{path}/taskInstances")["task_instances"]}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], Airflow, Shop]]:
    folder = tmp_path_factory.mktemp("up")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shop = Shop(embedded.start(folder / "postgres"))
    shop.create()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CHATREC"))},
        **SMALL,
        **{f"CHATREC_SOURCE__{name.upper()}": select for name, select in SELECTS.items()},
        "CHATREC_DATABASE__FOLDER": str(folder / "postgres"),
        "CHATREC_ARTIFACTS__ROOT": str(folder / "artifacts"),
        "AIRFLOW__API__PORT": str(port),
    }
    command = [sys.executable, "-m", "chatrec"]
    subprocess.run([*command, "db", "migrate"], env=environment, check=True, cwd=folder)
    process = subprocess.Popen(
        [*command, "up"], env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = ""
    while "Log in as" not in said:
        line = process.stdout.readline()  # type: ignore[union-attr]
        assert line, said
        said += line
    password = said.split("password ")[1].split(".")[0]
    yield process, Airflow(f"http://127.0.0.1:{port}", password), shop
    if process.poll() is None:
        process.kill()


def test_a_night_and_a_rollback_over_rest(up: tuple[Any, Airflow, Shop]) -> None:
    _, airflow, shop = up
    dags = {dag["dag_id"]: dag["is_paused"] for dag in airflow.call("GET", "/api/v2/dags")["dags"]}
    assert dags == {"chatrec_nightly": False, "chatrec_rollback": False}
    assert airflow.call("GET", "/api/v2/importErrors")["total_entries"] == 0
    assert airflow.call("GET", "/api/v2/dagWarnings")["total_entries"] == 0
    form = airflow.call("GET", "/api/v2/dags/chatrec_nightly/details")["params"]
    assert set(form) == {"top_n", "group_source", "group_count", "encoder", "mode", "dry_run"}

    states = airflow.run("chatrec_nightly", top_n=4)
    assert set(states.values()) == {"success"}
    assert len(states) == 11
    assert len(shop.lists()) == 160
    events = airflow.call("GET", "/api/v2/assets/events")["asset_events"]
    published = next(event["extra"] for event in events if "rows" in event["extra"])
    assert published["rows"] == 160
    assert {"aigc", "blend", "popularity"} <= set(published["metrics"])

    assert set(airflow.run("chatrec_nightly").values()) == {"success"}
    assert len(shop.lists()) == 400
    assert airflow.run("chatrec_rollback") == {"rollback": "success"}
    assert len(shop.lists()) == 160


def test_ctrl_c_stops_all_of_it(up: tuple[subprocess.Popen[str], Airflow, Shop]) -> None:
    process, _, _ = up
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) > 5
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert [each for each in alive if "postgres" not in each.name()] == []
    assert gone
