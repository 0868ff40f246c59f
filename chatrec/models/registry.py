"""Registry of the models of an ensemble: for each, the data that it suits and its config.

A model listed here is fitted, weighted, saved and loaded like all others. Models of private releases are in
`chatrec.ensemble.private`.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from chatrec.config.ranking import Target
from chatrec.models import (
    content_knn,
    ease,
    ials,
    item_knn,
    kernel_ridge,
    markov,
    personal_frequency,
    popularity,
    popularity_in_groups,
    sequential_ease,
    two_tower,
)
from chatrec.models import user_knn as knn
from chatrec.models.base import Model
from chatrec.models.entry import Case, Entry, one_by_one

POPULARITY, IN_GROUPS, ITEM_KNN, PERSONAL = "popularity", "popularity_in_groups", "item_knn", "personal_frequency"
CONTENT_KNN = "content_knn"
RECENT_POPULARITY = {"popularity_half_life_0.05": 0.05}
HALF_LIVES = {"popularity_half_life_0.01": 0.01, "popularity_half_life_0.2": 0.2}
SAME_FOR_ALL = (POPULARITY, *RECENT_POPULARITY, *HALF_LIVES)
"""Names of the models whose scores are the same for all users."""
BASELINES = (POPULARITY, *RECENT_POPULARITY, IN_GROUPS, PERSONAL, ITEM_KNN)
"""Names of the simple models that an ensemble must not be behind, the simplest first."""
EASE = {"ease": 1.0, "ease_decay_0.95": 0.95, "ease_decay_0.8": 0.8}
"""Decay of events by name; the models share one matrix."""
TWO_TOWER, TWO_TOWER_TEXT = "two_tower", "two_tower_text"
KERNEL_RIDGE, KERNEL_RIDGE_TEXT = "kernel_ridge", "kernel_ridge_text"
ORDERED: tuple[Target, ...] = ("next_item", "next_period")
"""Targets that depend on the order of a history."""
PERIOD: tuple[Target, ...] = ("next_period",)
ANY: tuple[Target, ...] = ("random",)
TEXT_DECAY: dict[Target, float] = {"next_item": 0.8, "next_period": 1.0, "random": 1.0}


def _has_dates(case: Case) -> bool:
    times = case.data.histories.times
    return bool(len(times) and np.ptp(times))


def _two_tower(case: Case, name: str) -> two_tower.Config:
    """Returns the config of a name; a second tower with texts replaces the kernel without texts above its limit."""
    second = name == TWO_TOWER_TEXT and case.form == "rerank" and case.has_kernel and _kernel_limit(case, KERNEL_RIDGE)
    return replace(
        case.configs.two_tower,
        reads_texts=name == TWO_TOWER_TEXT,
        decay=TEXT_DECAY[case.target],
        towers=2 if second else 1,
    )


def _kernel_limit(case: Case, name: str) -> str | None:
    config = case.configs.kernel_ridge
    max_items, max_cells = config.max_items_without_texts, config.max_cells
    if name == KERNEL_RIDGE and case.has_features and case.warm_items > max_items:
        return f"not fitted above {max_items:,} items with events; a second two_tower_text replaces it"
    if name == KERNEL_RIDGE_TEXT and case.has_features and not case.has_kernel:
        return f"not fitted above {max_cells:,} pairs of an item with events and an item; two_tower_text replaces it"
    return None


def _sequential_ease_limit(case: Case, _: str) -> str | None:
    max_items = case.configs.sequential_ease.max_items
    return f"not fitted above {max_items:,} items; markov replaces it" if case.data.items > max_items else None


def _user_knn_limit(case: Case, _: str) -> str | None:
    max_users = case.configs.user_knn.max_users
    return f"not fitted above {max_users:,} users; ials replaces it" if case.data.histories.users > max_users else None


def _item_knn_limit(case: Case, _: str) -> str | None:
    max_pairs = case.configs.item_knn.max_pairs
    return f"not fitted above {max_pairs:,} pairs of items" if item_knn.pairs(case.data) > max_pairs else None


def _ease_limit(case: Case, name: str) -> str | None:
    max_items = case.configs.ease.max_items
    if name != "ease" or case.data.items <= max_items:
        return None
    return f"fitted on the {max_items:,} items with most events; markov, aigc and content_knn score the others"


MODELS: tuple[Entry[Any], ...] = (
    Entry(
        popularity.Popularity,
        (POPULARITY,),
        config=lambda case, _: case.configs.popularity,
        fit_all=one_by_one(popularity.fit),
    ),
    Entry(
        popularity.Popularity,
        tuple(RECENT_POPULARITY),
        config=lambda case, name: replace(case.configs.popularity, half_life=RECENT_POPULARITY[name]),
        fit_all=one_by_one(popularity.fit),
        suits=_has_dates,
    ),
    Entry(
        popularity_in_groups.PopularityInGroups,
        (IN_GROUPS,),
        config=lambda case, _: popularity_in_groups.DEFAULT,
        fit_all=one_by_one(popularity_in_groups.fit),
        suits=lambda case: case.has_groups,
    ),
    Entry(
        personal_frequency.PersonalFrequency,
        (PERSONAL,),
        config=lambda case, _: case.configs.personal_frequency,
        fit_all=one_by_one(personal_frequency.fit),
        suits=lambda case: not case.exclude_seen,
    ),
    Entry(
        item_knn.ItemKnn,
        (ITEM_KNN,),
        config=lambda case, _: case.configs.item_knn,
        fit_all=one_by_one(item_knn.fit),
        limit=_item_knn_limit,
    ),
    Entry(
        content_knn.ContentKnn,
        (CONTENT_KNN,),
        config=lambda case, _: content_knn.DEFAULT,
        fit_all=one_by_one(content_knn.fit),
        cold_items=True,
    ),
    Entry(
        two_tower.TwoTower,
        (TWO_TOWER, TWO_TOWER_TEXT),
        config=_two_tower,
        fit_all=one_by_one(two_tower.fit),
        suits=lambda case: case.has_features,
        costly=True,
        cold_items=True,
    ),
    Entry(
        popularity.Popularity,
        tuple(HALF_LIVES),
        config=lambda case, name: replace(case.configs.popularity, half_life=HALF_LIVES[name]),
        fit_all=one_by_one(popularity.fit),
        targets=PERIOD,
        suits=_has_dates,
    ),
    Entry(
        ials.Ials,
        ("ials",),
        config=lambda case, _: case.configs.ials,
        fit_all=one_by_one(ials.fit),
        suits=lambda case: case.target == "random" or case.form == "inner_product",
    ),
    Entry(
        markov.Markov,
        ("markov",),
        config=lambda case, _: case.configs.markov,
        fit_all=one_by_one(markov.fit),
        targets=ORDERED,
    ),
    Entry(
        sequential_ease.SequentialEase,
        ("sequential_ease",),
        config=lambda case, _: case.configs.sequential_ease,
        fit_all=one_by_one(sequential_ease.fit),
        targets=ORDERED,
        costly=True,
        limit=_sequential_ease_limit,
    ),
    Entry(
        knn.UserKnn,
        ("user_knn",),
        config=lambda case, _: case.configs.user_knn,
        fit_all=one_by_one(knn.fit),
        targets=ANY,
        limit=_user_knn_limit,
    ),
    Entry(
        kernel_ridge.KernelRidge,
        (KERNEL_RIDGE, KERNEL_RIDGE_TEXT),
        config=lambda case, name: replace(case.configs.kernel_ridge, reads_texts=name == KERNEL_RIDGE_TEXT),
        fit_all=kernel_ridge.fit_all,
        suits=lambda case: case.has_kernel and len(case.data.histories.items) >= case.data.items,
        limit=_kernel_limit,
        cold_items=True,
    ),
    Entry(
        ease.Ease,
        tuple(EASE),
        config=lambda case, name: replace(case.configs.ease, decay=EASE[name]),
        fit_all=ease.fit_all,
        limit=_ease_limit,
        partial=True,
    ),
)
TEXTS = {name for entry in MODELS if entry.cold_items for name in entry.names}
"""Names of the models that score cold items too."""


def fit_models(case: Case, wanted: Collection[str] | None = None) -> dict[str, Model]:
    """Fits the models that suit a case.

    Args:
        case: Training data, target, form, and configs.
        wanted: Names of models; None fits all names that `names` returns.

    Returns:
        Fitted models by name.
    """
    wanted = names(case) if wanted is None else wanted
    fitted: dict[str, Model] = {}
    for entry in MODELS:
        chosen = {name: config for name, config in entry.suited(case).items() if name in wanted}
        if chosen:
            fitted |= entry.fit_all(case.data, chosen)
    return fitted


def names(case: Case) -> tuple[str, ...]:
    """Returns the names of the models that suit, in the order in which `fit_models` fits them.

    The tower without texts is left out if the kernel with texts is fitted, to which it adds nothing.
    """
    suited = [name for entry in MODELS for name in entry.suited(case)]
    return tuple(name for name in suited if name != TWO_TOWER or KERNEL_RIDGE_TEXT not in suited)


def limits(case: Case) -> dict[str, str]:
    """Returns the models that are not fitted on all of the data, each with its limit and its replacement."""
    if case.form == "inner_product":
        return {"models of item pairs": "not fitted; the form inner_product has only vector models"}
    return {name: limit for entry in MODELS for name, limit in entry.limits(case).items()}
