"""The examples as they are, with a smaller encoder and without a net."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatrec.config import load
from examples.common import Stage

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL: dict[str, Any] = {
    "advanced.encoder.local": {"layers": 1, "width": 32, "vocabulary": 300, "train_tokens": 2048},
    "advanced.encoder.max_tokens": 32,
    "advanced.encoder.dimensions": 16,
    "aigc.minutes": 0,
    "compute.threads": 1,
}


@pytest.fixture(scope="module")
def opened(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Opens an example's stage on an empty database."""

    @contextmanager
    def do(name: str) -> Iterator[Stage]:
        root = tmp_path_factory.mktemp(name)
        settings = load(EXAMPLES / name / "chatrec.toml")
        with Stage.open(settings.override({**SMALL, "database.url": module_database, "artifacts.root": root})) as stage:
            yield stage

    return do
