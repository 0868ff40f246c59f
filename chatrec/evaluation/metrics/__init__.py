"""Metrics of recommendation lists: accuracy, exposure and confidence intervals, as functions of arrays."""

from chatrec.evaluation.metrics.accuracy import (
    Counts,
    Floats,
    Hits,
    Lists,
    average_precision,
    debiased_ndcg,
    discounts,
    hit_rate,
    ndcg,
    recall,
    reciprocal_rank,
    summary,
)
from chatrec.evaluation.metrics.bootstrap import Interval, interval, paired_difference
from chatrec.evaluation.metrics.exposure import diversity, exposure, gini, lorenz, novelty

__all__ = [
    "Counts",
    "Floats",
    "Hits",
    "Interval",
    "Lists",
    "average_precision",
    "debiased_ndcg",
    "discounts",
    "diversity",
    "exposure",
    "gini",
    "hit_rate",
    "interval",
    "lorenz",
    "ndcg",
    "novelty",
    "paired_difference",
    "recall",
    "reciprocal_rank",
    "summary",
]
