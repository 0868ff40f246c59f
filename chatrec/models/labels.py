"""Labels of models and other sources of a score, for reasons, pages and reports.

Names such as `ease_decay_0.8` are keys, stored in tables and files. Labels are only displayed.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Label:
    """Label of a name, and its kind of evidence."""

    words: str
    kind: str
    """Kind of evidence, shared by several models."""


BEHAVIOUR, TEXT, POPULARITY, RECENT, SEARCHES = "similar users", "its text", "popularity", "recent events", "searches"
FREQUENCY = "own habits"
LABELS: Mapping[str, Label] = {
    "ensemble": Label("ensemble", BEHAVIOUR),
    "aigc": Label("AIGC", RECENT),
    "ease": Label("EASE", BEHAVIOUR),
    "ease_decay_0.95": Label("EASE, recent events", BEHAVIOUR),
    "ease_decay_0.8": Label("EASE, latest events", BEHAVIOUR),
    "sequential_ease": Label("sequential EASE", BEHAVIOUR),
    "markov": Label("Markov transitions", BEHAVIOUR),
    "ials": Label("iALS", BEHAVIOUR),
    "user_knn": Label("similar users", BEHAVIOUR),
    "private_ease": Label("private EASE", BEHAVIOUR),
    "content_knn": Label("similar texts", TEXT),
    "content_knn_features": Label("similar features", TEXT),
    "kernel_ridge": Label("text features, kernel ridge", TEXT),
    "kernel_ridge_text": Label("texts, kernel ridge", TEXT),
    "two_tower": Label("text features, two towers", TEXT),
    "two_tower_text": Label("texts, two towers", TEXT),
    "popularity": Label("popularity", POPULARITY),
    "popularity_in_groups": Label("popularity in the user's groups", POPULARITY),
    "personal_frequency": Label("own frequency", FREQUENCY),
    "item_knn": Label("similar items", BEHAVIOUR),
    "popularity_half_life_0.01": Label("latest popularity", POPULARITY),
    "popularity_half_life_0.05": Label("recent popularity", POPULARITY),
    "popularity_half_life_0.2": Label("seasonal popularity", POPULARITY),
    "popularity_7_days": Label("popularity of 7 days", POPULARITY),
    "popular": Label("popularity", POPULARITY),
    "group": Label("popular in groups", POPULARITY),
    "search": Label("searches", SEARCHES),
    "searched": Label("searches", SEARCHES),
}


def label(name: str) -> str:
    """Returns the label of a name, or the name itself if it has no label."""
    return LABELS[name].words if name in LABELS else name


def kind_of(name: str) -> str:
    """Returns the kind of evidence of a name."""
    return LABELS[name].kind if name in LABELS else BEHAVIOUR


def kinds(shares: Mapping[str, float]) -> dict[str, float]:
    """Returns the shares of a score by kind of evidence, the largest first."""
    totals: dict[str, float] = {}
    for name, share in shares.items():
        kind = kind_of(name)
        totals[kind] = totals.get(kind, 0.0) + share
    return dict(sorted(totals.items(), key=lambda item: -item[1]))
