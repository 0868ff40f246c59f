"""Writing of the tables published with the lists."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from chatrec.aigc.groups import ItemGroups
from chatrec.config.settings import Tables
from chatrec.data.arrays import Array
from chatrec.extract.schema import RowGroups
from chatrec.extract.snapshot import Snapshot
from chatrec.models.popularity import popularity
from chatrec.ranking.tables.popular import popular_items, trending_items
from chatrec.ranking.tables.schema import POPULAR, QUERIES, SIMILAR, TRENDING, schema_of
from chatrec.ranking.tables.searches import answers, frequent
from chatrec.ranking.tables.similar import Likeness, similar_items
from chatrec.runs.results import TablesResult
from chatrec.runtime.progress import progress

Columns = Mapping[str, Any]


@dataclass(frozen=True)
class Night:
    """Inputs of the tables."""

    snapshot: Snapshot
    groups: ItemGroups
    learned: Array
    """AIGC vectors, items × width."""
    texts: Array
    """Text vectors, items × dimensions."""
    taken: Array
    """Number of events of each item, as far as similar items may depend on it."""
    possible: Array
    """Availability of items, bool of shape (items,)."""
    seed: int


def write_tables(night: Night, settings: Tables, folder: Path) -> TablesResult:
    """Writes a file for each table, empty if the table is disabled, and returns the rows of each."""
    makers: Mapping[str, tuple[int, Callable[[], Iterable[Columns]]]] = {
        SIMILAR: (settings.similar_items, lambda: _similar(night, settings)),
        POPULAR: (settings.popular, lambda: [_popular(night, settings)]),
        TRENDING: (settings.trending, lambda: [_trending(night, settings)]),
        QUERIES: (settings.queries, lambda: [_answers(night, settings)]),
    }
    rows: dict[str, int] = {}
    with progress("Making tables", len(makers), "tables") as shown:
        for file, (wanted, make) in makers.items():
            rows[file] = _write(folder, file, make() if wanted else ())
            shown.advance(note=Path(file).stem)
    return TablesResult(
        similar_items=rows[SIMILAR],
        popular=rows[POPULAR],
        trending=rows[TRENDING],
        query_recommendations=rows[QUERIES],
    )


def _similar(night: Night, settings: Tables) -> Iterable[Columns]:
    likeness = Likeness.of(night.learned, night.texts, night.taken)
    return similar_items(likeness, night.possible, settings.similar_items, night.seed)


def _popular(night: Night, settings: Tables) -> Columns:
    return popular_items(night.snapshot.histories, night.groups, night.possible, settings.popular)


def _trending(night: Night, settings: Tables) -> Columns:
    return trending_items(night.snapshot.histories, night.possible, settings.trending, settings.trending_days)


def _answers(night: Night, settings: Tables) -> Columns:
    snapshot = night.snapshot
    asked = frequent(snapshot.queries, settings.queries, settings.query_users)
    popular = popularity(snapshot.histories.items, snapshot.histories.weights, len(night.possible))
    return answers(snapshot.items, asked, popular, night.possible, settings.query_items)


def _write(folder: Path, file: str, blocks: Iterable[Columns]) -> int:
    schema = schema_of(file)
    with RowGroups(folder / file, schema) as rows:
        for block in blocks:
            rows.write(pl.DataFrame({name: block[name] for name in schema.names}).to_arrow().cast(schema))
    return rows.rows
