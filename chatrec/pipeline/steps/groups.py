"""The groups step: groups of items."""

import numpy as np

from chatrec.aigc.groups import make_groups
from chatrec.encoder.embed import ITEMS
from chatrec.pipeline.context import Context
from chatrec.runs.results import GroupsResult
from chatrec.runtime.hardware import use_threads


def groups(context: Context) -> GroupsResult:
    """Finds the groups of items."""
    use_threads(context.settings.compute.threads)
    vectors = np.load(context.of("embed") / ITEMS)
    settings = context.settings
    made = make_groups(context.snapshot.items, vectors, settings.groups, settings.compute.seed)
    made.save(context.folder)
    return GroupsResult(groups=len(made.names), memberships=len(made.items), source=made.source)
