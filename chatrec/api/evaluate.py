"""Evaluation of models on held-out interactions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from chatrec.api.estimator import SEED, Estimator
from chatrec.api.frames import as_kind
from chatrec.config.ranking import Target
from chatrec.data.arrays import IntArray
from chatrec.data.dataset import Dataset
from chatrec.errors import DataError
from chatrec.evaluation import metrics as formulas
from chatrec.evaluation.holdout import Holdout, hold_out

Split = Literal["temporal", "leave_one_out", "random"]
TARGETS: Mapping[str, Target] = {"temporal": "next_period", "leave_one_out": "next_item", "random": "random"}
METRICS: Mapping[str, Callable[[formulas.Hits, formulas.Counts], formulas.Floats]] = {
    "ndcg": formulas.ndcg,
    "recall": formulas.recall,
    "hr": lambda hits, relevant: formulas.hit_rate(hits),
    "mrr": lambda hits, relevant: formulas.reciprocal_rank(hits),
    "map": formulas.average_precision,
}
COVERAGE = "coverage"


def evaluate(
    models: Estimator | Mapping[str, Estimator] | Sequence[Estimator],
    dataset: Dataset,
    split: Split = "temporal",
    metrics: Sequence[str] = ("ndcg@10", "recall@10"),
    exclude_seen: bool = True,
    seed: int = SEED,
) -> Any:
    """Fits models on a part of the interactions and measures their lists on the rest.

    The models given are not changed: clones of them are fitted. All models see the same split, so their values can be
    compared.

    Args:
        models: One model, several, or several by name. Fitted or not.
        dataset: Interactions, items and users.
        split: Held-out events: temporal (all events after the 80 % quantile of time), leave_one_out (the last event of
            each user) or random (a tenth of the events of users with five or more). At most 10,000 users are measured.
        metrics: Names with the length of the list: ndcg@k (Järvelin and Kekäläinen 2002), recall@k, hr@k (hit rate),
            mrr@k, map@k, from 0 to 1 and higher is better; coverage@k, the share of the available items that are in any
            of the lists.
        exclude_seen: Leave out items of a user's remaining history, in lists and among the held-out events.
        seed: Seed of the split and of the intervals.

    Returns:
        A frame with the columns model, metric, value (mean over users), low and high (95 % bootstrap interval, Efron
        1979; null for coverage) and users (how many were measured), of the kind of the interactions.

    Raises:
        DataError: A model, a split or a metric is not one of the above, or nothing can be held out.

    Examples:
        >>> import chatrec
        >>> rows = {"user_id": [1, 1, 2, 2, 3, 3], "item_id": ["tea", "cup", "tea", "cup", "tea", "cup"]}
        >>> shop = chatrec.Dataset.from_frames(rows)
        >>> chatrec.evaluate(chatrec.models.Popularity(), shop, "leave_one_out", ["recall@1"]).rows()
        [('Popularity', 'recall@1', 1.0, 1.0, 1.0, 3)]
    """
    named, wanted = _named(models), [_metric(name) for name in metrics]
    if not isinstance(dataset, Dataset):
        raise DataError(f"dataset is a {type(dataset).__name__}: make one by chatrec.Dataset.from_frames.")
    if split not in TARGETS:
        raise DataError(f"split is {split!r}: it must be one of {', '.join(get_args(Split))}.")
    held = hold_out(dataset.interactions, dataset.available, exclude_seen, TARGETS[split], seed)
    if not len(held):
        raise DataError(
            f"split={split!r} holds nothing out: no user has an event to predict and one before it. leave_one_out "
            "needs the least, two different available items of one user."
        )
    train, longest = dataset.with_interactions(held.histories), max(k for _, k in wanted)
    rows = []
    for name, model in named.items():
        items, _ = model.clone().fit(train).lists(held.users, longest, exclude_seen)
        rows += [(name, f"{metric}@{k}", *_measured(held, items[:, :k], metric, seed)) for metric, k in wanted]
    names = ("model", "metric", "value", "low", "high")
    frame = pl.DataFrame(rows, schema=[*names[:2], *((column, pl.Float64) for column in names[2:])], orient="row")
    return as_kind(frame.with_columns(users=pl.lit(len(held), pl.Int64)), dataset.kind)


def _measured(held: Holdout, lists: IntArray, metric: str, seed: int) -> tuple[float, float | None, float | None]:
    """Value, lower and upper bound."""
    if metric == COVERAGE:
        shown = len(np.unique(lists[lists >= 0]))
        return shown / max(int(held.recommendable.sum()), 1), None, None
    return formulas.interval(METRICS[metric](held.hits(lists), held.relevant), seed)


def _metric(name: str) -> tuple[str, int]:
    metric, _, k = str(name).partition("@")
    if metric not in (*METRICS, COVERAGE) or not k.isdigit() or not int(k):
        names = ", ".join((*METRICS, COVERAGE))
        raise DataError(f"metric {name!r} is unknown: write one of {names} and a length of list, such as 'ndcg@10'.")
    return metric, int(k)


def _named(models: Any) -> dict[str, Estimator]:
    if isinstance(models, Mapping):
        named = {str(name): model for name, model in models.items()}
    else:
        several = list(models) if isinstance(models, Sequence) else [models]
        kinds = [type(model).__name__ for model in several]
        named = {
            kind if kinds.count(kind) == 1 else repr(model): model for kind, model in zip(kinds, several, strict=True)
        }
    wrong = next((model for model in named.values() if not isinstance(model, Estimator)), None)
    if wrong is not None or not named:
        given = "no model" if wrong is None else f"a {type(wrong).__name__}"
        raise DataError(f"evaluate was given {given}: pass a model such as chatrec.models.EASE(), a list or a dict.")
    return named
