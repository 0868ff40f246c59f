"""What did not change is not made again: a later run takes the files of an earlier one, and only those it may take."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from chatrec.config import Settings
from chatrec.pipeline import RunOptions
from chatrec.runs.digests import digest_of
from chatrec.runs.run import Run
from tests.support.finished import CompletedRun, Finished, complete, migrate
from tests.support.shop import Shop

MADE = ("groups", "aigc", "ensemble", "index", "rank", "tables", "generate")
"""The steps whose files a later run may take."""


def reused(run: CompletedRun) -> set[str]:
    return {step for step, result in run.results.items() if result.reused_from}


def test_an_unchanged_run_makes_nothing_and_says_so(finished: Finished) -> None:
    first, shop, settings = finished.run, finished.shop, finished.settings
    before = shop.lists()
    second = complete(settings)
    assert reused(second) == set(MADE)
    assert {second.results[step].reused_from for step in MADE} == {first.key}
    assert second.live
    assert shop.lists() == before
    assert second.verdict.endswith(f"The lists are the same as those of run {first.key}.")
    third = complete(settings)
    assert {third.results[step].reused_from for step in MADE} == {first.key}  # not the run that took them as well
    folders = [Run(settings.artifacts.root, run.key) for run in (first, third)]
    for step in MADE:
        assert len({digest_of(each.step_folder(step)) for each in folders}) == 1


def test_one_new_event_makes_everything_again(finished: Finished) -> None:
    shop, settings = finished.shop, finished.settings
    shop.execute("INSERT INTO views VALUES (3, 7, 'view', 1, '2026-02-27 12:00+00')")
    second = complete(settings)
    assert reused(second) == set()
    assert "the same as those of run" not in second.verdict


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({"ranking.top_n": 4}, {"rank", "generate"}),
        ({"tables.popular": 7}, {"tables"}),
        ({"rules.deny": [{"name": "none of these", "groups": ["Kitchen"]}]}, {"index", "rank", "tables", "generate"}),
        ({"compute.seed": 5}, set(MADE)),
        ({"advanced.tables.trending_days": 3}, {"tables"}),
        ({"advanced.ranking.search_half_life": 3}, {"rank"}),
    ],
    ids=["top-N", "tables", "rules", "seed", "advanced tables", "advanced ranking"],
)
def test_a_setting_makes_again_what_depends_on_it(finished: Finished, changes: dict[str, Any], again: set[str]) -> None:
    settings = finished.settings
    assert set(MADE) - reused(complete(settings.override(changes))) == again


def test_a_full_run_makes_everything_again(finished: Finished) -> None:
    assert reused(complete(finished.settings, options=RunOptions(full=True))) == set()


@pytest.mark.parametrize(
    ("rules", "makes_again"),
    [
        ({"rules.pins": [{"name": "sale", "item": "7", "place": 1, "until": "2030-01-01"}]}, True),
        ({"rules.boosts": [{"name": "more of it", "groups": ["Kitchen"], "factor": 2.0}]}, False),
    ],
    ids=["pinned for a time", "boosted"],
)
def test_rules_that_look_at_the_clock_are_asked_again(
    finished: Finished, rules: dict[str, Any], makes_again: bool
) -> None:
    settings = finished.settings
    chosen = settings.override(rules)
    complete(chosen)
    assert ("rank" not in reused(complete(chosen))) == makes_again


def test_files_that_are_not_what_they_were_are_made_again(finished: Finished) -> None:
    first, shop, settings = finished.run, finished.shop, finished.settings
    before = shop.lists()
    folder = Run(settings.artifacts.root, first.key).step_folder("rank")
    (folder / "recommendations.parquet").write_bytes(b"not a Parquet file")
    shutil.rmtree(Run(settings.artifacts.root, first.key).step_folder("tables"))
    second = complete(settings)
    assert set(MADE) - reused(second) == {"rank", "tables"}
    assert shop.lists() == before


def test_removing_the_earlier_run_leaves_the_files_to_the_later(finished: Finished) -> None:
    first, settings = finished.run, finished.settings
    second = complete(settings)
    Run(settings.artifacts.root, first.key).remove()
    folder = Run(settings.artifacts.root, second.key).step_folder("rank")
    assert (folder / "recommendations.parquet").stat().st_size > 0
    third = complete(settings)
    assert reused(third) == set(MADE)


def test_a_private_run_takes_nothing(shop: Shop, configure: Callable[..., Settings]) -> None:
    """A ledger counts what is made."""
    settings = configure(**{"privacy.enabled": True, "ranking.target": "next_item"})
    migrate(settings)
    complete(settings)
    assert reused(complete(settings)) == set()
