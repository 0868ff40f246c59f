"""Trigger forms of a run and of a fine-tuning, and the settings that they change.

An empty field keeps the value of `chatrec.toml`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

if TYPE_CHECKING:
    from chatrec.pipeline import RunOptions

CONFIGURED = "configured"

FORM: dict[str, Param] = {
    "top_n": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=1000,
        title="Top N",
        description="Recommendations per user.",
        section="This run",
    ),
    "group_source": Param(
        CONFIGURED,
        type="string",
        enum=[CONFIGURED, "auto", "categories", "kmeans"],
        values_display={CONFIGURED: "as in chatrec.toml", "kmeans": "k-means"},
        title="Groups from",
        description="Your categories, or clusters of item vectors.",
        section="This run",
    ),
    "group_count": Param(
        None,
        type=["null", "integer"],
        minimum=0,
        title="Number of clusters",
        description="For k-means; 0 is the square root of the number of items.",
        section="This run",
    ),
    "encoder": Param(
        None,
        type=["null", "string"],
        examples=["auto", "hashing", "local", "smollm2", "gpt2", "/models/gpt2-medium"],
        title="Encoder",
        description="auto, hashing, local, smollm2, the name of a causal language model on the hub, or a folder.",
        section="This run",
    ),
    "mode": Param(
        "incremental",
        type="string",
        enum=["incremental", "full"],
        title="Read and encode",
        description="Only changes, or everything again.",
        section="This run",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Run all steps except publish.",
        section="This run",
    ),
}
FINETUNE_FORM: dict[str, Param] = {
    "method": Param(
        CONFIGURED,
        type="string",
        enum=[CONFIGURED, "full", "bias", "lora"],
        values_display={CONFIGURED: "as in chatrec.toml", "full": "all", "bias": "biases", "lora": "LoRA"},
        title="Trainable weights",
        description="All weights, the biases alone, or low-rank adapters of the linear layers.",
    ),
    "steps": Param(
        None,
        type=["null", "integer"],
        minimum=0,
        title="Steps",
        description="Maximum: training stops when held-out items no longer improve.",
    ),
    "promote": Param(
        True,
        type="boolean",
        title="Promote",
        description="Make a better encoder live; otherwise promote it with `chatrec encoders use`.",
    ),
}
SETTINGS = {
    "top_n": "ranking.top_n",
    "group_source": "groups.source",
    "group_count": "groups.count",
    "encoder": "encoder.model",
}


def changes(params: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that the filled fields of the form of a run change, by dotted key."""
    return {key: params[field] for field, key in SETTINGS.items() if params[field] not in (None, CONFIGURED)}


def options(params: Mapping[str, Any]) -> "RunOptions":
    """Options of a run that the form gives."""
    from chatrec.pipeline import RunOptions

    return RunOptions(full=params["mode"] == "full", dry_run=params["dry_run"])


def finetune_changes(params: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that the filled fields of the form of a fine-tuning change, by dotted key."""
    given = {f"finetune.{name}": params[name] for name in ("method", "steps")}
    chosen = {key: value for key, value in given.items() if value not in (None, CONFIGURED)}
    return chosen if params["promote"] else {**chosen, "finetune.promote": False}
