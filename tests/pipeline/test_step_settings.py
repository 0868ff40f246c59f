"""Which steps a setting under `[advanced]` makes again."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from chatrec.config import Settings
from chatrec.config.advanced import Advanced
from chatrec.pipeline import STEPS, finetune
from chatrec.pipeline.evaluation import STEPS as EVALUATION
from chatrec.pipeline.step import Step
from chatrec.pipeline.step_cache import values_of

TEXT, ENCODER = {"encoder", "embed", "generate"}, {"train", "shadow", "encoder", "embed", "generate"}
AGAIN = {
    "text.history": {*TEXT, "train", "shadow"},
    "text.queries": {*TEXT, "train", "shadow", "extract"},
    "text.query_days": {*TEXT, "train", "shadow", "extract"},
    "encoder": ENCODER,
    "finetune": {"train", "promote"},
    "aigc": {"aigc"},
    "index": {"index"},
    "ranking.form": {"ensemble", "rank", "gate", "hold out", "measure"},
    "ranking.search_half_life": {"rank", "gate", "hold out", "measure"},
    "fairness": {"rank", "gate"},
    "tables": {"tables"},
    "publish": {"publish"},
}
"""Steps by the settings that change what they do, single keys or whole tables."""


def steps() -> Iterator[tuple[str, Step]]:
    yield from ((step.name, step) for step in STEPS)
    yield from (({"embed": "shadow"}.get(step.name, step.name), step) for step in finetune.STEPS)
    yield from (({"extract": "hold out"}.get(step.name, step.name), step) for step in (EVALUATION[0], EVALUATION[-1]))


def leaves(section: BaseModel, path: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def changed(key: str, value: Any) -> Any:
    """Another value that is allowed."""
    choices = {"output": "items", "vectors": "given", "form": "rerank", "pooling": "mean", "user_text": "read"}
    name = key.rpartition(".")[2]
    if name == "precision":
        return "float32"
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return value / 2 or 0.5
    return choices[name] if name in choices else value + 1 if isinstance(value, int) else f"{value} "


@pytest.mark.parametrize(("key", "value"), list(leaves(Advanced())), ids=lambda each: str(each)[:40])
def test_an_advanced_setting_makes_again_what_depends_on_it(key: str, value: Any) -> None:
    usual = Settings()
    other = usual.override({f"advanced.{key}": changed(key, value)})
    again = {name for name, step in steps() if values_of(usual, step.settings) != values_of(other, step.settings)}
    assert again == (AGAIN.get(key) or AGAIN[key.partition(".")[0]])


def test_a_full_run_reads_and_encodes_again() -> None:
    assert {step.name for step in STEPS if "full" in step.options} == {"extract", "embed"}
