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
    found = make_groups(context.snapshot.items, vectors, settings.groups, settings.compute.seed)
    found.save(context.folder)
    return GroupsResult(groups=len(found.names), memberships=len(found.items), source=found.source)
