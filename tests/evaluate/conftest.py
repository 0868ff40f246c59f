"""One night of the small shop for all tests here, and its evaluation. After the night the database is not needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatrec.evaluate.evaluation import Evaluation
from chatrec.pipeline.evaluation import evaluate
from chatrec.pipeline.steps import Step
from chatrec.run import Manifest, Run
from chatrec.settings import Settings, load
from tests.support.databases import new_database
from tests.support.nights import migrate, run
from tests.support.shop import Shop, write_settings

KEY = "20260601T020000Z"


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation gave."""

    evaluation: Evaluation
    report: Path

    @property
    def folder(self) -> Path:
        return self.report.parent


def nothing(step: Step, manifest: Manifest | None) -> None:
    """Watches nothing."""


@pytest.fixture(scope="session")
def night(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings after a dry night; weights of views differ, so that no two items are equally popular."""
    databases = new_database(server)
    shop = Shop(next(databases))
    shop.create()
    shop.execute("UPDATE views SET amount = 1 + film / 1000.0")
    settings = load(write_settings(tmp_path_factory.mktemp("night"), shop.url, {"ranking.target": "next"}))
    migrate(settings)
    run(settings.override({"night.dry_run": True}), KEY)
    yield settings
    databases.close()


@pytest.fixture(scope="session")
def whole(night: Settings) -> Run:
    """The night."""
    return Run(night.artifacts.root, KEY)


@pytest.fixture(scope="session")
def evaluated(night: Settings) -> Evaluated:
    """Its evaluation, with the last event of everybody held out."""
    return Evaluated(*evaluate(night, None, nothing))
