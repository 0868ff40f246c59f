"""The aigc step: vectors of items, groups and users."""

import numpy as np

from chatrec.aigc.aigc import Texts, fit
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.mean import of_texts
from chatrec.encoder.embed import ITEMS, PROFILE_USERS, PROFILES
from chatrec.pipeline.context import Context
from chatrec.pipeline.training_data import holdout_of
from chatrec.runs.results import AigcResult
from chatrec.runtime.hardware import use_threads


def aigc(context: Context) -> AigcResult:
    """Learns item vectors, and from them those of groups and users."""
    use_threads(context.settings.compute.threads)
    if context.settings.privacy.enabled:
        return _public_aigc(context)
    texts = Texts(*(np.load(context.of("embed") / name) for name in (ITEMS, PROFILES, PROFILE_USERS)))
    groups = ItemGroups.load(context.of("groups"))
    return fit(context.snapshot.histories, holdout_of(context), texts, groups, context.settings, context.folder)


def _public_aigc(context: Context) -> AigcResult:
    """Item vectors that no event had a part in: those of texts."""
    texts = np.load(context.of("embed") / ITEMS)
    of_texts(texts, ItemGroups.load(context.of("groups"))).save(context.folder)
    return AigcResult(trained_on="texts")
