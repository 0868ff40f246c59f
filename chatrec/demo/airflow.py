"""Airflow on a laptop, with its metadata in a database on the embedded PostgreSQL, and the DAGs of this checkout.

Airflow runs as a separate program; this module does not import it.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import URL, make_url

from chatrec.config import Settings
from chatrec.console import console
from chatrec.db import embedded
from chatrec.errors import SettingsError, TransientError
from chatrec.runs.files import make_folder

METADATA = "airflow"
PASSWORDS = "simple_auth_manager_passwords.json.generated"
PRIVATE = 0o077
"""The umask of Airflow, whose files have the password of its administrator."""
HOST = "127.0.0.1"
PORT = os.environ.get("AIRFLOW__API__PORT", "8080")
PATIENCE_SECONDS = 180
GRACE_SECONDS = 30


def home(settings: Settings) -> Path:
    """Returns Airflow's folder, beside that of the embedded PostgreSQL."""
    return settings.database.folder.parent / "airflow"


def environment(settings: Settings) -> dict[str, str]:
    """Returns the environment variables of Airflow.

    Raises:
        SettingsError: If there are no DAGs beside the package, or another database is configured.
    """
    checkout = Path(__file__).parents[2]
    if not (checkout / "dags").is_dir():
        raise SettingsError("The demo needs a checkout of chatrec: dags/ and plugins/ are not part of the wheel.")
    if settings.database.url or settings.source.url:
        raise SettingsError(
            "The demo and `chatrec up` use the embedded PostgreSQL: unset database.url and source.url, or run the DAGs "
            "in your own Airflow (docs/howto/airflow.md)."
        )
    metadata = _metadata_url(settings)
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # standalone calls `airflow`
        "AIRFLOW_HOME": str(home(settings)),
        "AIRFLOW__CORE__DAGS_FOLDER": str(checkout / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(checkout / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _render(metadata, "postgresql+psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": _render(metadata, "postgresql+asyncpg"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "5",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": PORT,
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{PORT}",  # tasks reach the API by it
        "AIRFLOW__API__WORKERS": "1",
        "CHATREC_DATABASE__FOLDER": str(settings.database.folder),
        "CHATREC_ARTIFACTS__ROOT": str(settings.artifacts.root),
    }


def prepare(settings: Settings) -> None:
    """Creates Airflow's metadata database, once for each version of Airflow."""
    variables = environment(settings)
    done = home(settings) / f"prepared-{_version()}"
    metadata = _metadata_url(settings).render_as_string(hide_password=False)
    if not embedded.create_database(metadata) and done.exists():
        return
    _run(["db", "migrate"], variables, home(settings) / "prepare.log")
    done.touch()


def start_dag_test(settings: Settings, log: Path) -> subprocess.Popen[bytes]:
    """Starts `airflow dags test` of the nightly DAG, which executes its tasks one after another in one process."""
    make_folder(log.parent)
    with log.open("wb") as stream:
        return subprocess.Popen(
            _command(["dags", "test", "chatrec_nightly"]),
            env=environment(settings),
            stdout=stream,
            stderr=subprocess.STDOUT,
            umask=PRIVATE,
        )


def serve(settings: Settings) -> int:
    """Runs Airflow with its web UI until Ctrl-C and returns an exit code.

    Raises:
        TransientError: If Airflow does not start.
    """
    shown = console()
    variables = environment(settings)
    if _answers():
        raise TransientError(f"Another server answers at http://{HOST}:{PORT}: stop it first.")
    with shown.status("Preparing Airflow"):
        prepare(settings)
        pools = Path(__file__).parents[2] / "config" / "pools.json"
        _run(["pools", "import", str(pools)], variables, home(settings) / "prepare.log")
    log = home(settings) / "standalone.log"
    with _standalone(variables, log) as process:
        with shown.status(f"Starting Airflow; its log is {log}"):
            _wait_until_up(process, log)
        shown.print(f"Airflow runs at [bold]http://{HOST}:{PORT}[/]: open [bold]chatrec_nightly[/], press Trigger.")
        shown.print(f"Log in as [bold]admin[/] with the password [bold]{_password(settings)}[/]. Ctrl-C stops it.")
        try:
            return process.wait()
        except KeyboardInterrupt:
            shown.print("Stopping.")
            return 0


@contextmanager
def _standalone(variables: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs Airflow in a process group of its own, which ends with the block."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            _command(["standalone"]),
            env=dict(variables),
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            umask=PRIVATE,
        )
    for number in (signal.SIGINT, signal.SIGTERM):  # also if a shell has started this process with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        yield process
    finally:
        _stop_group(process)


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """Terminates all processes of the group, and kills those that do not end in time."""
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                os.killpg(process.pid, number if deadline - time.monotonic() > seconds - 0.1 else 0)
            except (ProcessLookupError, PermissionError):
                return
            process.poll()
            time.sleep(0.2)


def _wait_until_up(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise TransientError(f"Airflow did not start within {PATIENCE_SECONDS} s; its log is {log}.")
        time.sleep(1)


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{PORT}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return False
    return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler"))


def _password(settings: Settings) -> str:
    file = home(settings) / PASSWORDS
    file.chmod(0o600)  # one of an earlier version
    values = json.loads(file.read_text(encoding="utf-8"))
    return str(values["admin"])


def _metadata_url(settings: Settings) -> URL:
    return make_url(embedded.start(settings.database.folder)).set(database=METADATA)


def _render(url: URL, driver: str) -> str:
    return url.set(drivername=driver).render_as_string(hide_password=False)


def _run(arguments: list[str], variables: Mapping[str, str], log: Path) -> None:
    make_folder(log.parent)
    with log.open("ab") as stream:
        done = subprocess.run(
            _command(arguments),
            env=dict(variables),
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
            umask=PRIVATE,
        )
    if done.returncode:
        raise TransientError(f"`airflow {' '.join(arguments)}` failed; its log is {log}.")


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


def _version() -> str:
    try:
        return version("apache-airflow")
    except PackageNotFoundError:
        raise SettingsError("Airflow is not installed: `pip install 'chatrec[airflow]'`.") from None
