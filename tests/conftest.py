"""A real PostgreSQL for the session, a database for each test, and a small shop with a known structure."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest

from chatrec.db import embedded
from chatrec.settings import Settings, load
from tests.support.databases import connect, new_database
from tests.support.shop import Shop, write_settings

hypothesis.settings.register_profile("no clock", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("no clock")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a PostgreSQL server that does not care about power cuts."""
    url = embedded.start(tmp_path_factory.mktemp("server") / "postgres")
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"ALTER SYSTEM SET {name} = off")
        cursor.execute("SELECT pg_reload_conf()")
    return url


@pytest.fixture
def database(server: str) -> Iterator[str]:
    """The URL of an empty database."""
    yield from new_database(server)


@pytest.fixture(scope="module")
def module_database(server: str) -> Iterator[str]:
    """The URL of an empty database that the tests of a module share."""
    yield from new_database(server)


@pytest.fixture
def shop(database: str) -> Shop:
    """A shop of 40 users and 60 films in three kinds; users take almost only one kind."""
    made = Shop(database)
    made.create()
    return made


@pytest.fixture
def configure(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Makes `chatrec.toml` for a database and small models, and reads it; takes changes by dotted key."""

    def make(**changes: object) -> Settings:
        file = write_settings(tmp_path, database, {key.replace("__", "."): value for key, value in changes.items()})
        monkeypatch.setenv("CHATREC_CONFIG", str(file))
        return load()

    return make


@pytest.fixture
def settings(shop: Shop, configure: Callable[..., Settings]) -> Settings:
    """Settings for the small shop."""
    return configure()
