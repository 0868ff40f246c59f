"""A run whose checks warn waits for a person, if the settings want that; without the setting nothing changes."""

from collections.abc import Callable
from typing import Any

import pytest

from chatrec import pipeline
from chatrec.config import Settings
from chatrec.errors import RunStopped
from chatrec.pipeline import RunOptions, answer, begin, perform, question
from chatrec.pipeline.steps import STEPS
from chatrec.pipeline.steps.gate import asks
from tests.support.finished import migrate
from tests.support.shop import Shop

LIVE = "SELECT key FROM chatrec.runs JOIN chatrec.live_run USING (run)"
FIRST, SECOND = "20260601T000000Z", "20260602T000000Z"
WARNS = {"checks__warn_coverage": 1.0}
"""The small catalogue has films that nobody is shown."""


def state(shop: Shop, key: str) -> tuple[Any, ...]:
    (row,) = shop.execute("SELECT state, approval, approval_by FROM chatrec.runs WHERE key = %s", (key,))
    return row


def warned(shop: Shop) -> list[str]:
    return [name for (name,) in shop.execute("SELECT name FROM chatrec.run_checks WHERE warned ORDER BY name")]


@pytest.mark.parametrize(
    ("approval", "warnings", "wanted"),
    [("never", 2, False), ("on_warning", 0, False), ("on_warning", 1, True), ("always", 0, True)],
)
def test_who_is_asked(approval: Any, warnings: int, wanted: bool) -> None:
    assert asks(approval, warnings) == wanted


def test_a_run_that_warns_waits_and_is_approved_by_hand(shop: Shop, configure: Callable[..., Settings]) -> None:
    settings = configure(ranking__top_n=1, **WARNS)
    migrate(settings)
    said = pipeline.run(settings, FIRST).verdict
    assert said
    assert "1 with a warning. coverage: " in said
    assert warned(shop) == ["coverage"]
    assert state(shop, FIRST) == ("published", None, None)  # nobody wanted to be asked
    before = shop.lists()

    asking = configure(ranking__top_n=1, publish__approval="on_warning", **WARNS)
    with pytest.raises(RunStopped, match=rf"waits for approval.*coverage.*chatrec run --run {SECOND} --approve"):
        pipeline.run(asking, SECOND, raise_on_error=True)
    assert state(shop, SECOND) == ("stopped", "wanted", None)
    assert shop.execute(LIVE) == [(FIRST,)]
    assert shop.lists() == before

    pipeline.run(asking, SECOND, approve=True, raise_on_error=True)
    assert state(shop, SECOND) == ("published", "approved", "cli")
    assert shop.execute(LIVE) == [(SECOND,)]


def test_step_by_step_the_answer_counts(shop: Shop, configure: Callable[..., Settings]) -> None:
    """As Airflow does it: the question after the gate, the answer, and then the publish or nothing."""
    settings = configure(ranking__top_n=1, publish__approval="on_warning", publish__approval_hours=7, **WARNS)
    migrate(settings)
    begin(settings, FIRST, "airflow", RunOptions(dry_run=True))
    for step in STEPS[:-1]:
        perform(settings, FIRST, step.name)
    assert question(settings, FIRST) is None  # a dry run is not published anyway

    begin(settings, FIRST, "airflow")
    perform(settings, FIRST, "gate")
    asked = question(settings, FIRST)
    assert asked
    assert asked.hours == 7
    assert "coverage: " in asked.verdict
    answer(settings, FIRST, False, "anna")
    assert state(shop, FIRST) == ("stopped", "rejected", "anna")
    with pytest.raises(RunStopped, match="was rejected by anna"):
        perform(settings, FIRST, "publish")
    assert shop.lists() == []

    answer(settings, FIRST, True, "bea")
    perform(settings, FIRST, "publish")
    assert question(settings, FIRST) is None
    assert len(shop.lists()) == 40
