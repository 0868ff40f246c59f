"""Each command says in a sentence what the role lacks, and shows no statement."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from chatrec.config import Settings
from tests.support.databases import execute
from tests.support.finished import migrate
from tests.support.processes import ROOT, Chatrec
from tests.support.shop import Shop

pytestmark = pytest.mark.slow
Configure = Callable[..., Settings]
WRITING = (["check"], ["db", "migrate"], ["db", "roles"], ["run"], ["begin"], ["erase", "1"])
RAW = ("Unexpected", "[SQL", "INSERT INTO", "sqlalche.me", "LINE 1")
"""Parts of an error as SQLAlchemy or the driver words it."""
READING = (["runs"], ["recommend", "1"], ["rollback"], ["privacy"])


@pytest.fixture
def nightly(roles: None, shop: Shop) -> Iterator[dict[str, str]]:
    """The environment of an everyday role: it may read the shop's tables."""
    shop.execute("CREATE ROLE nightly LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO nightly")
    yield {"CHATREC_DATABASE__URL": make_url(shop.url).set(username="nightly").render_as_string(hide_password=False)}
    execute(shop.url, "SET default_transaction_read_only = off", "DROP OWNED BY nightly CASCADE", "DROP ROLE nightly")


def refusals(chatrec: Chatrec, verbs: tuple[list[str], ...], environment: dict[str, str]) -> dict[str, str]:
    """What each command says; all exit with 2."""
    said = {}
    for verb in verbs:
        code, out, err = chatrec(*verb, **environment)
        said[" ".join(verb)] = words = " ".join((out + err).split())
        assert (code, verb) == (2, verb), words
        assert not [each for each in ("Unexpected", "[SQL", "INSERT INTO", "sqlalche.me", "LINE 1") if each in words], (
            words
        )
    return said


def test_before_there_are_tables(chatrec: Chatrec, configure: Configure, nightly: dict[str, str]) -> None:
    configure()
    said = refusals(chatrec, (*WRITING, *READING), nightly)
    for verb in ("check", "db migrate", "run", "begin"):
        assert "CREATE SCHEMA chatrec AUTHORIZATION nightly" in said.pop(verb)
    assert [verb for verb, words in said.items() if "chatrec db migrate" not in words] == []


def test_without_a_right_on_the_schema(chatrec: Chatrec, configure: Configure, nightly: dict[str, str]) -> None:
    migrate(configure())
    said = refusals(chatrec, (*WRITING, *READING), nightly)
    assert "GRANT chatrec_reader TO nightly" in said.pop("recommend 1")
    assert [verb for verb, words in said.items() if "GRANT chatrec_writer TO nightly" not in words] == []


def test_a_right_on_tables_is_not_enough(
    chatrec: Chatrec, shop: Shop, configure: Configure, nightly: dict[str, str]
) -> None:
    migrate(configure())
    shop.execute(
        "GRANT USAGE ON SCHEMA chatrec TO nightly; GRANT USAGE ON ALL SEQUENCES IN SCHEMA chatrec TO nightly;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA chatrec TO nightly"
    )
    said = refusals(chatrec, (["check"], ["db", "migrate"], ["run"], ["begin"]), nightly)
    assert [verb for verb, words in said.items() if "GRANT chatrec_writer TO nightly" not in words] == []
    assert "ALTER ROLE nightly CREATEROLE" in refusals(chatrec, (["db", "roles"],), nightly)["db roles"]


def test_a_database_that_cannot_be_written(
    chatrec: Chatrec, shop: Shop, configure: Configure, nightly: dict[str, str]
) -> None:
    migrate(configure())
    name = make_url(shop.url).database
    execute(shop.url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    said = refusals(chatrec, WRITING, {})
    assert [verb for verb, words in said.items() if "is read-only" not in words] == []
    assert chatrec("runs")[0] == 0


MAKE = """
import sys
from pathlib import Path
from chatrec.db import embedded
from tests.support.finished import migrate
from tests.support.shop import Shop, write_settings
from chatrec.config import load
folder = Path(sys.argv[1])
url = embedded.start(folder / "postgres")
Shop(url).create()
migrate(load(write_settings(folder, url, {})))
"""


def test_a_standby_is_told_from_its_primary(tmp_path: Path) -> None:
    def do(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)

    assert do("-c", MAKE, str(tmp_path)).returncode == 0
    (tmp_path / "postgres" / "standby.signal").touch()
    keep = "import sys; from pathlib import Path; from chatrec.db import embedded; from chatrec.cli import main; " \
        "embedded.start(Path(sys.argv.pop(1))); main()"  # fmt: skip
    file = str(tmp_path / "chatrec.toml")
    for verb in (["check"], ["db", "migrate"], ["db", "roles"], ["run"]):
        done = do("-c", keep, str(tmp_path / "postgres"), "--config", file, *verb)
        said = " ".join((done.stdout + done.stderr).split())
        assert (done.returncode, "its server is a standby: name the primary" in said) == (2, True), (verb, said)


def test_a_run_needs_no_more_connections_than_it_asks_for(
    chatrec: Chatrec, shop: Shop, configure: Configure, nightly: dict[str, str], tmp_path: Path
) -> None:
    configure()
    shop.execute("ALTER ROLE nightly CONNECTION LIMIT 4; CREATE SCHEMA chatrec AUTHORIZATION nightly")
    assert "role nightly may have 4 connections" in refusals(chatrec, (["check"],), nightly)["check"]
    shop.execute("ALTER ROLE nightly CONNECTION LIMIT 5")
    for verb in (["db", "migrate"], ["check"], ["run"], ["run"], ["erase", "3"], ["check"]):
        code, out, err = chatrec(*verb, **nightly)
        assert (code, verb) == (0, verb), out + err
