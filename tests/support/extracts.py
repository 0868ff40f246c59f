"""Extractions of the shop, with or without its searches."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from chatrec.config.ranking import Target
from chatrec.config.source import AdvancedText, Source
from chatrec.extract.arrivals import SeenItems
from chatrec.extract.extraction import extract
from chatrec.extract.snapshot import Snapshot
from chatrec.extract.validation import NO_KEYS, Keys
from chatrec.runs.results import ExtractResult
from chatrec.runs.run import Manifest, Run
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
        run: Run | None = None,
        keys: Keys = NO_KEYS,
        **selects: Any,
    ) -> tuple[ExtractResult, Snapshot]:
        folder = run.step_folder("extract") if run else root / "snapshot"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        engine = create_engine(shop.url.replace("postgresql://", "postgresql+psycopg2://"))
        seen = SeenItems.before(run) if run else SeenItems()
        source = Source(**{**SELECTS, **selects})
        result = extract(engine, source, text, target, folder, root, full, memory_mb, seen, keys)
        engine.dispose()
        if run:
            run.finish(Manifest("extract", "", "", result))
        return result, Snapshot(folder)

    return do
