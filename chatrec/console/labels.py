"""Labels of results of steps, and their summary in a line."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from chatrec.runs import results
from chatrec.runs.results import StepResult

LABELS: Mapping[str, str] = {
    "candidate_ndcg": "candidate NDCG@10",
    "cold_items_ndcg": "cold items NDCG@10",
    "exposure_gini": "Gini of exposure",
    "holdout_loss": "held-out loss",
    "holdout_loss_at_start": "held-out loss at start",
    "holdout_users": "held-out users",
    "least_met": "smallest share of owed exposure",
    "live_ndcg": "live NDCG@10",
    "names.generated": "names generated",
    "names.fallbacks": "names from keyphrases",
    "ndcg": "NDCG@10",
    "ndcg_gain": "relative NDCG@10 gain",
    "ndcg_without": "NDCG@10 without prices",
    "popularity_ndcg": "popularity NDCG@10",
    "priced": "providers with a price",
    "release.decision": "release",
    "reused_from": "unchanged since",
    "rows.recommendations": "rows published",
    "rules_users": "users in the rule ablation",
    "same_lists_as": "same lists as run",
    "short_by_caps": "lists shortened by caps",
    "training.last_loss": "last loss",
    "users_ensemble": "users by the ensemble",
    "users_group": "users by groups",
    "users_popular": "users by popularity",
    "users_searched": "users by searches",
}
"""Labels of fields of step results. The label of any other field is its name with spaces."""
SHOWN: Mapping[type[StepResult], tuple[str, ...]] = {
    results.ExtractResult: ("users", "items", "interactions", "queries", "days_read", "quarantined"),
    results.EncoderResult: ("encoder", "trained", "training.last_loss"),
    results.EmbedResult: ("texts_embedded", "texts_cached", "device"),
    results.GroupsResult: ("groups", "source"),
    results.AigcResult: ("networks", "epochs", "ndcg"),
    results.EnsembleResult: ("ndcg", "popularity_ndcg", "release.decision"),
    results.IndexResult: ("items", "kind", "recall"),
    results.RankResult: ("rows", "users_searched", "users_group", "users_popular", "items_shown"),
    results.TablesResult: ("similar_items", "popular", "trending", "query_recommendations"),
    results.GenerateResult: ("names.generated", "names.fallbacks", "blurbs"),
    results.GateResult: ("verdict",),
    results.PublishResult: ("rows.recommendations", "runs_kept"),
    results.HoldoutResult: ("holdout_users", "targets"),
    results.TextVectorsResult: ("items", "profiles"),
    results.MeasureResult: ("ndcg", "popularity_ndcg"),
    results.TrainResult: ("encoder", "trained"),
    results.ShadowEmbedResult: ("candidate.texts_embedded", "live.texts_embedded"),
    results.CompareResult: ("candidate_ndcg", "live_ndcg", "users"),
    results.PromoteResult: ("verdict",),
}
"""Fields in the summary of a step, as paths."""
PLURAL = re.compile(r"s\b")
ONLY_IF_ANY = {
    "networks", "queries", "quarantined", "users_searched", "users_group", "users_popular", "query_recommendations",
}  # fmt: skip
"""Fields that the summary omits if they are 0."""


def label(path: str) -> str:
    """Returns the label of a field of a step's result, given as a path such as "users" or "names.generated"."""
    last = path.rpartition(".")[2]
    return LABELS.get(path) or LABELS.get(last) or last.replace("_", " ")


def field_of(result: StepResult | None, path: str) -> Any:
    """Returns a field of a step's result; None if the result or the field is missing."""
    value: Any = result
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def labelled(result: object) -> dict[str, Any]:
    """Returns all fields of a step's result by label, without those that are None. Nested results become mappings."""
    values = {field.name: getattr(result, field.name) for field in fields(result)}  # type: ignore[arg-type]
    return {label(name): _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return labelled(value) if is_dataclass(value) else value


def summary(result: StepResult | None) -> str:
    """Returns the summary of a step's result, as one line."""
    if result is None:
        return ""
    if result.reused_from:
        return f"{label('reused_from')} {result.reused_from}"
    values = {path: field_of(result, path) for path in SHOWN.get(type(result), ())}
    shown = {path: value for path, value in values.items() if value is not None and (value or path not in ONLY_IF_ANY)}
    return " · ".join(_labelled(label(path), value) for path, value in shown.items())


def _labelled(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if isinstance(value, int):
        return f"{value:,} {PLURAL.sub('', name, count=1) if value == 1 else name}"
    return f"{name} {value:.4g}" if isinstance(value, float) else str(value)
