"""`chatrec up` in a process of its own, and the REST API of the Airflow that it starts."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

SMALL = {
    "CHATREC_ENCODER__MODEL": "local",
    "CHATREC_ADVANCED__ENCODER__LOCAL__LAYERS": "1",
    "CHATREC_ADVANCED__ENCODER__LOCAL__WIDTH": "32",
    "CHATREC_ADVANCED__ENCODER__LOCAL__VOCABULARY": "300",
    "CHATREC_ADVANCED__ENCODER__LOCAL__TRAIN_TOKENS": "4096",
    "CHATREC_ADVANCED__AIGC__EPOCHS": "4",
    "CHATREC_ADVANCED__AIGC__WIDTH": "8",
    "CHATREC_CHECKS__BEATS_BASELINE": "false",
}
NEVER = "0 0 29 2 *"
"""Within hours after its time a schedule would publish a run that no test asked for."""


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
        return self.end_of(self.trigger(dag_id, **conf))

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Triggers a DAG and returns the address of its run."""
        made = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return f"/api/v2/dags/{dag_id}/dagRuns/{made['dag_run_id']}"

    def end_of(self, run: str) -> dict[str, str]:
        """Waits for the end of a run and returns the states of its tasks."""
        self.wait(lambda: self.call("GET", run)["state"] in ("success", "failed"))
        return {task["task_id"]: task["state"] for task in self.call("GET", f"{run}/taskInstances")["task_instances"]}

    def wait(self, happened: Callable[[], object]) -> None:
        """Waits until something has happened, for 13 minutes at most: machines may be busy."""
        deadline = time.monotonic() + 800
        while not happened():
            assert time.monotonic() < deadline
            time.sleep(1)


@contextmanager
def standalone(
    folder: Path, settings: Mapping[str, str], more: Mapping[str, str] = {}
) -> Iterator[tuple["subprocess.Popen[str]", Airflow]]:
    """`chatrec up` for the length of a block.

    Args:
        folder: of the embedded PostgreSQL, the artifacts and Airflow's home; its database has the customer's tables.
        settings: as environment variables.
        more: variables that are not chatrec's.
    """
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CHATREC"))},
        "CHATREC_RUN__SCHEDULE": NEVER,
        **settings,
        **more,
        "CHATREC_DATABASE__FOLDER": str(folder / "postgres"),
        "CHATREC_ARTIFACTS__ROOT": str(folder / "artifacts"),
        "AIRFLOW__API__PORT": str(port),
    }
    command = [sys.executable, "-m", "chatrec"]
    subprocess.run([*command, "db", "migrate"], env=environment, check=True, cwd=folder)
    process = subprocess.Popen(
        [*command, "up"], env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout
    said = ""
    while "Log in as" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    try:
        yield process, Airflow(f"http://127.0.0.1:{port}", said.split("password ")[1].split(".")[0])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # killed, it would leave Airflow behind
            process.communicate(timeout=90)
