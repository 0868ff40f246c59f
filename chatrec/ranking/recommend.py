"""Writes all lists of a run in batches, in the order of users."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from chatrec.data.arrays import FloatArray, IntArray, top_k
from chatrec.extract.schema import RowGroups
from chatrec.ranking.list_builder import ListBuilder
from chatrec.ranking.lists import (
    ATTENTION,
    ATTENTION_SCHEMA,
    ENSEMBLE,
    FALLBACKS,
    GROUP,
    KINDS,
    NAMES,
    POPULAR,
    RECOMMENDATIONS,
    SCHEMA,
    SEARCHED,
)
from chatrec.ranking.recommender import Recommender
from chatrec.runs.files import write_atomically
from chatrec.runs.results import RankResult
from chatrec.runtime.progress import progress

USERS_OF_A_BLOCK = 8192
GROUPS_OF_A_USER = 5


def write_lists(recommender: Recommender, profiles: FloatArray, folder: Path, memory_mb: int) -> RankResult:
    """Writes RECOMMENDATIONS, ATTENTION and NAMES.

    Args:
        recommender: Recommender of the run.
        profiles: Text vectors of users, users × dimensions, used for users without a history. A zero row means no text.
        folder: Folder of the step.
        memory_mb: Memory limit of a batch, in megabytes.

    Returns:
        The result of the step, without the measurements of diversity, coverage, fairness and rules.
    """
    builder = ListBuilder(recommender, profiles, memory_mb << 20)
    users_by_kind = dict.fromkeys(KINDS, 0)
    models = recommender.sources
    write_atomically(folder / NAMES, json.dumps({"sources": [*models, *FALLBACKS], "evidence": models}))
    short = 0
    shown_items = np.zeros(len(recommender.recommendable), bool)
    users = recommender.listed_users
    with (
        RowGroups(folder / RECOMMENDATIONS, SCHEMA) as file,
        RowGroups(folder / ATTENTION, ATTENTION_SCHEMA) as attention,
        progress("Ranking", len(users), "users") as shown,
    ):
        for start in range(0, len(users), USERS_OF_A_BLOCK):
            block = users[start : start + USERS_OF_A_BLOCK]
            parts = list(builder.lists(block))
            for part in parts:
                users_by_kind[part.kind] += len(part.users)
                shown_items[part.items[part.items >= 0]] = True
                short += int(((part.items >= 0).sum(1) < recommender.top_n).sum())
            file.write(_in_order([part.table(len(models)) for part in parts], SCHEMA))
            attended = [
                _attended(part.users, recommender.aigc.state.attention(part.vectors))
                for part in parts
                if part.vectors is not None
            ]
            attention.write(_in_order(attended, ATTENTION_SCHEMA))
            shown.advance(len(block))
    return RankResult(
        rows=file.rows,
        users_ensemble=users_by_kind[ENSEMBLE],
        users_searched=users_by_kind[SEARCHED],
        users_group=users_by_kind[GROUP],
        users_popular=users_by_kind[POPULAR],
        items_shown=int(shown_items.sum()),
        short_by_caps=short if recommender.rules.caps else None,
    )


def _attended(users: IntArray, attention: FloatArray) -> pa.Table:
    """Returns the groups with the highest attention for each user.

    Args:
        users: Users of a batch.
        attention: Attention, users × groups.
    """
    first = top_k(attention, GROUPS_OF_A_USER, stable=True)
    columns = [
        np.repeat(users, first.shape[1]),
        np.tile(np.arange(1, first.shape[1] + 1), len(users)),
        first.ravel(),
        np.take_along_axis(attention, first, 1).ravel(),
    ]
    return pa.table([pa.array(column) for column in columns], ATTENTION_SCHEMA.names).cast(ATTENTION_SCHEMA)


def _in_order(parts: list[pa.Table], schema: pa.Schema) -> pa.Table:
    if not parts:
        return schema.empty_table()
    return pa.concat_tables(parts).sort_by([("user", "ascending"), ("rank", "ascending")])
