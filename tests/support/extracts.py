"""Extractions of the shop, with or without its searches."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from chatrec.config.ranking import Target
from chatrec.config.source import AdvancedText, Source
from chatrec.extract.extraction import extract
from chatrec.extract.snapshot import Snapshot
from chatrec.runs.results import ExtractResult
from tests.support.shop import SELECTS, Shop

Extract = Callable[..., tuple[ExtractResult, Snapshot]]


TEXT = AdvancedText()


SEARCHES = "CREATE TABLE searches (customer bigint, words text, at timestamptz)"


QUERIES = "SELECT customer AS user_id, words AS query, at AS occurred_at FROM searches"


def extractor(shop: Shop, root: Path) -> Extract:
    def do(
        full: bool = False,
        memory_mb: int = 64,
        text: AdvancedText = TEXT,
        target: Target = "next_period",
        **selects: Any,
    ) -> tuple[ExtractResult, Snapshot]:
        folder = root / "snapshot"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        engine = create_engine(shop.url.replace("postgresql://", "postgresql+psycopg2://"))
        result = extract(engine, Source(**{**SELECTS, **selects}), text, target, folder, root, full, memory_mb)
        engine.dispose()
        return result, Snapshot(folder)

    return do
