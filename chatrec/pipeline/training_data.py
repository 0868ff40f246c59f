"""Training data of the models, and the holdout that weights them."""

import numpy as np

from chatrec.config.ranking import Target
from chatrec.data.arrays import BoolArray
from chatrec.data.interactions import Interactions
from chatrec.data.new_items import Arrivals
from chatrec.encoder.embed import ITEMS
from chatrec.evaluation.holdout import Holdout, hold_out, windows
from chatrec.features.catalogue import features_of
from chatrec.models.training_data import TrainingData
from chatrec.pipeline.context import Context


def holdout_of(context: Context) -> Holdout:
    """Returns the holdout, which models do not see before the ensemble is weighted."""
    return hold_out(*_held_out(context))


def windows_of(context: Context) -> list[Holdout]:
    """Returns the holdouts on which the ensemble is weighted; the first one is `holdout_of`, if it has users."""
    return windows(*_held_out(context))


def _held_out(context: Context) -> tuple[Interactions, BoolArray, bool, Target, int]:
    """Returns the arguments of `hold_out` and `windows`."""
    ranking, seed = context.settings.ranking, context.settings.compute.seed
    return context.snapshot.histories, context.recommendable, ranking.exclude_seen, ranking.target, seed


def training_data(context: Context, histories: Interactions) -> TrainingData:
    """Returns the training data of the models.

    Args:
        context: Context of a step after `embed`.
        histories: All interactions, or those that are not held out.
    """
    items, vectors = context.snapshot.items, np.load(context.of("embed") / ITEMS)
    arrivals = Arrivals(context.snapshot.arrived_at, context.settings.ranking.new_item_days)
    return TrainingData(histories, items.height, vectors, context.settings.compute.seed, features_of(items), arrivals)
