"""Writing of the tables published with the lists."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from chatrec.aigc.groups import ItemGroups
from chatrec.config.tables import TablesConfig
from chatrec.data.arrays import Array, BoolArray, FloatArray
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
class TableInputs:
    """Inputs of the tables."""

    snapshot: Snapshot
    groups: ItemGroups
    learned: FloatArray
    """AIGC vectors, items × width."""
    texts: FloatArray
    """Text vectors, items × dimensions."""
    taken: Array
    """Number of events of each item, as far as similar items may depend on it."""
    possible: BoolArray
    """Availability of items, bool of shape (items,)."""
    seed: int


def write_tables(inputs: TableInputs, settings: TablesConfig, folder: Path) -> TablesResult:
    """Writes a file for each table, empty if the table is disabled, and returns the rows of each."""
    makers: Mapping[str, tuple[int, Callable[[], Iterable[Columns]]]] = {
        SIMILAR: (settings.similar_items, lambda: _similar(inputs, settings)),
        POPULAR: (settings.popular, lambda: [_popular(inputs, settings)]),
        TRENDING: (settings.trending, lambda: [_trending(inputs, settings)]),
        QUERIES: (settings.queries, lambda: [_answers(inputs, settings)]),
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


def _similar(inputs: TableInputs, settings: TablesConfig) -> Iterable[Columns]:
    likeness = Likeness.of(inputs.learned, inputs.texts, inputs.taken)
    return similar_items(likeness, inputs.possible, settings.similar_items, inputs.seed)


def _popular(inputs: TableInputs, settings: TablesConfig) -> Columns:
    return popular_items(inputs.snapshot.histories, inputs.groups, inputs.possible, settings.popular)


def _trending(inputs: TableInputs, settings: TablesConfig) -> Columns:
    return trending_items(inputs.snapshot.histories, inputs.possible, settings.trending, settings.trending_days)


def _answers(inputs: TableInputs, settings: TablesConfig) -> Columns:
    snapshot = inputs.snapshot
    queries = frequent(snapshot.queries, settings.queries, settings.query_users)
    popular = popularity(snapshot.histories, len(inputs.possible))
    return answers(snapshot.items, queries, popular, inputs.possible, settings.query_items)


def _write(folder: Path, file: str, blocks: Iterable[Columns]) -> int:
    schema = schema_of(file)
    with RowGroups(folder / file, schema) as rows:
        for block in blocks:
            rows.write(pl.DataFrame({name: block[name] for name in schema.names}).to_arrow().cast(schema))
    return rows.rows
