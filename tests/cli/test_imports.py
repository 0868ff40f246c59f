"""Commands answer at once because each loads only what it uses; that holds on a busy machine too."""

import subprocess
import sys
from pathlib import Path

import pytest

from chatrec.cli.steps import HELP
from chatrec.config import Settings
from chatrec.pipeline import STEPS
from chatrec.publish.publish import publish
from tests.support.finished import migrate
from tests.support.publishing import prepare
from tests.support.readers import engine_of, new_run
from tests.support.shop import Shop

MODELS = {"torch", "transformers", "tokenizers", "faiss", "sklearn", "scipy", "matplotlib", "peft", "airflow"}
FRAMES = {"numpy", "polars", "pyarrow", "pandas", "jinja2"}
DATABASE = {"sqlalchemy", "psycopg2", "pydantic_settings"}


def loaded(*arguments: str) -> set[str]:
    """The packages that a command that ends well imports."""
    command = [sys.executable, "-X", "importtime", "-m", "chatrec", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    found = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert {"chatrec", "typer"} <= found
    return found


@pytest.fixture
def published(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    """A published run with a list for user 1."""
    migrate(settings)
    engine = engine_of(shop.url)
    publish(engine, "chatrec", new_run(engine, 1), prepare(engine, tmp_path)(1), 10)
    engine.dispose()


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help"), ("extract", "--help")])
def test_help_connects_to_nothing(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments).isdisjoint(MODELS | FRAMES | DATABASE)


@pytest.mark.usefixtures("published")
def test_looking_at_what_is_published_needs_the_database_alone() -> None:
    for arguments in (["runs"], ["runs", "--json"], ["recommend", "1"], ["sql", "SELECT 1"]):
        assert loaded(*arguments).isdisjoint(MODELS | FRAMES), arguments


@pytest.mark.usefixtures("published")
def test_check_and_encoders_load_no_model() -> None:
    assert loaded("check").isdisjoint(MODELS)
    assert loaded("encoders").isdisjoint(MODELS | FRAMES)


def test_every_step_has_a_verb_in_the_order_of_the_run() -> None:
    assert list(HELP) == [step.name for step in STEPS]
