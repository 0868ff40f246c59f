"""One night of the small shop for all tests here, and its evaluation. After the night the database is not needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatrec.config import Settings
from chatrec.pipeline.evaluation import evaluate
from chatrec.runs.run import Run
from tests.support.evaluations import EVALUATED, Evaluated, nothing
from tests.support.nights import FIRST


@pytest.fixture(scope="session")
def night(server: str, server_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings after a night that was evaluated."""
    for finished in EVALUATED.copy(server, server_folder, tmp_path_factory.mktemp("night")):
        yield finished.settings


@pytest.fixture(scope="session")
def whole(night: Settings) -> Run:
    """The night."""
    return Run(night.artifacts.root, FIRST)


@pytest.fixture(scope="session")
def evaluated(night: Settings) -> Evaluated:
    """Its evaluation, with the last event of everybody held out."""
    return Evaluated(*evaluate(night, None, nothing))
