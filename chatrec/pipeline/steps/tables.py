"""The tables step: tables beside the lists."""

import numpy as np

from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.state import AigcState
from chatrec.encoder.embed import ITEMS
from chatrec.pipeline.context import Context
from chatrec.ranking.tables.write import TableInputs, write_tables
from chatrec.runs.results import TablesResult
from chatrec.runtime.hardware import use_threads


def tables(context: Context) -> TablesResult:
    """Makes the tables beside the lists: similar items, popular and trending ones, and what answers searches."""
    use_threads(context.settings.compute.threads)
    groups, learned = ItemGroups.load(context.of("groups")), AigcState.load(context.of("aigc")).items
    texts, seed = np.load(context.of("embed") / ITEMS), context.settings.compute.seed
    events, wanted = context.snapshot.histories.items, context.settings.tables_config
    taken = np.bincount(events, minlength=len(context.listable))
    if context.settings.privacy.enabled:  # what counts across users has no proof; texts are public
        taken, wanted = np.zeros_like(taken), wanted.model_copy(update={"popular": 0, "trending": 0, "queries": 0})
    inputs = TableInputs(context.snapshot, groups, learned, texts, taken, context.listable, seed)
    return write_tables(inputs, wanted, context.folder)
