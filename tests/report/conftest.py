"""One run of the small shop for all tests here, and its evaluation. After the run the database is not needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatrec.config import Settings
from chatrec.pipeline.evaluation import evaluate
from chatrec.runs.run import Run
from tests.support.evaluations import EVALUATED, Evaluated, nothing
from tests.support.finished import FIRST


@pytest.fixture(scope="session")
def prepared(server: str, server_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings after a run that was evaluated."""
    for finished in EVALUATED.copy(server, server_folder, tmp_path_factory.mktemp("run")):
        yield finished.settings


@pytest.fixture(scope="session")
def whole(prepared: Settings) -> Run:
    """The run."""
    return Run(prepared.artifacts.root, FIRST)


@pytest.fixture(scope="session")
def evaluated(prepared: Settings) -> Evaluated:
    """Its evaluation, with the last event of everybody held out."""
    return Evaluated(*evaluate(prepared, None, nothing))
