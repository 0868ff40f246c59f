"""Connections to a database, and the files of runs to publish into it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chatrec.publish.outputs import Files
from tests.support.publishing import prepare
from tests.support.readers import engine_of


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = engine_of(database)
    yield made
    made.dispose()


@pytest.fixture
def files(engine: Engine, tmp_path: Path) -> Callable[[int], Files]:
    return prepare(engine, tmp_path)
