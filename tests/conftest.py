"""A PostgreSQL for the session, a database for each test, a small shop with a known structure, and a run of it."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from chatrec.config import Settings, load
from tests.support import power
from tests.support.databases import connect, new_database, start
from tests.support.finished import LARGE, SMALL, Finished
from tests.support.shop import Shop, write_settings

AIRFLOW = "tests/airflow/"
Configure = Callable[..., Settings]

for name, examples in (("fast", 25), ("thorough", 100)):
    hypothesis.settings.register_profile(name, max_examples=examples, deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("fast")


power.flush_nothing()


class ByModule(LoadScopeScheduling):
    """A module's tests in one process, for its fixtures; those of Airflow too, which is slow to import."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return AIRFLOW if module.startswith(AIRFLOW) else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    return ByModule(config, log)


@pytest.fixture(scope="session")
def server_folder(testrun_uid: str) -> Path:
    """What the processes of one run of the tests share.

    It is not in pytest's own folder, which the next pytest closes to all users but its own: the server has another.
    """
    folder = Path(tempfile.gettempdir()) / f"chatrec-tests-{testrun_uid}"
    atexit.register(_remove, folder)  # runs after what the server registers, which is later
    return folder


def _remove(folder: Path) -> None:
    if not (folder / "postgres" / "postmaster.pid").exists():  # else another process still uses it
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(server_folder: Path) -> str:
    """The URL of a PostgreSQL server that the processes of one run of the tests share."""
    return start(server_folder / "postgres")


@pytest.fixture
def database(server: str) -> Iterator[str]:
    """The URL of an empty database."""
    yield from new_database(server)


@pytest.fixture(scope="module")
def module_database(server: str) -> Iterator[str]:
    """The URL of an empty database that the tests of a module share."""
    yield from new_database(server)


@pytest.fixture
def roles(server: str) -> Iterator[None]:
    """Makes a test wait while another one makes roles, which belong to all databases of the server."""
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        yield


@pytest.fixture
def shop(database: str) -> Shop:
    """A shop of 40 users and 60 films in three kinds; users take almost only one kind."""
    made = Shop(database)
    made.create()
    return made


@pytest.fixture
def configure(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Makes `chatrec.toml` for a database and small models, and reads it; takes changes by dotted key."""

    def make(**changes: object) -> Settings:
        file = write_settings(tmp_path, database, {key.replace("__", "."): value for key, value in changes.items()})
        monkeypatch.setenv("CHATREC_CONFIG", str(file))
        return load()

    return make


@pytest.fixture
def settings(shop: Shop, configure: Configure) -> Settings:
    """Settings for the small shop."""
    return configure()


@pytest.fixture
def finished(server: str, server_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Finished]:
    """The small shop after a published run, for one test alone; `chatrec` finds its settings."""
    monkeypatch.setenv("CHATREC_CONFIG", str(tmp_path / "chatrec.toml"))
    yield from SMALL.copy(server, server_folder, tmp_path)


@pytest.fixture(scope="module")
def module_finished(server: str, server_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """The same for the tests of a module that only look."""
    yield from SMALL.copy(server, server_folder, tmp_path_factory.mktemp("finished"))


@pytest.fixture
def large(server: str, server_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Finished]:
    """A shop that is large enough to tell encoders apart, after a published run, for one test alone."""
    monkeypatch.setenv("CHATREC_CONFIG", str(tmp_path / "chatrec.toml"))
    yield from LARGE.copy(server, server_folder, tmp_path)
