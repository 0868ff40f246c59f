"""The site of news: an article of this minute has its readers by its text alone; yesterday's fades."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from examples.common import HOUR, Stage
from examples.news import show
from examples.news.world import World

HISTORY = 60
END = datetime.now(UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return World(END - (HISTORY + 1) * HOUR, subscribers=300, articles_of_an_hour=8)


@pytest.fixture(scope="module")
def stage(opened: Any, world: World) -> Iterator[Stage]:
    with opened("news") as found:
        show.fill(found, world, HISTORY)
        found.run(END - HOUR, found.settings.override({"rules.freshness": {}}), quiet=True)
        yield found


@pytest.fixture(scope="module")
def an_hour_later(stage: Stage, world: World) -> list[float]:
    """The ages of what was recommended before, without freshness; then an hour passes."""
    before = show.ages(stage, END - HOUR)
    show.add_hours(stage, world.hours(HISTORY, HISTORY + 1))
    stage.rows(
        "UPDATE press.articles SET withdrawn = true WHERE article = (SELECT max(article) - 1 FROM press.articles)"
    )
    stage.run(END, quiet=True)
    return before


@pytest.mark.usefixtures("an_hour_later")
def test_an_article_of_the_last_minutes_is_in_the_lists_of_those_it_fits(stage: Stage, world: World) -> None:
    found = show.reach(stage, world, END)
    assert len(found) == 8
    assert all(each.minutes <= 10 for each in found)
    assert stage.rows("SELECT count(*) FROM press.reads WHERE article = ANY (%s)", ([e.article for e in found],)) == [
        (0,)
    ]
    (withdrawn,) = [each for each in found if each.article == max(e.article for e in found) - 1]
    assert (withdrawn.of_fitting, withdrawn.of_others) == (0, 0)
    others = [each for each in found if each is not withdrawn]
    fitting = sum(each.fitting for each in others)
    assert sum(each.fitting * each.of_fitting for each in others) >= 0.8 * fitting
    assert sum(each.of_others for each in others) < 0.5 * len(others)


def test_yesterdays_article_fades(stage: Stage, an_hour_later: list[float]) -> None:
    *_, with_freshness = show.ages(stage, END)
    *_, without = an_hour_later
    assert without > 0.1
    assert with_freshness < 0.2 * without


def test_the_next_hour_reads_only_the_day_that_changed(stage: Stage, an_hour_later: list[float]) -> None:
    assert an_hour_later
    read = stage.rows("SELECT (counts->>'days_read')::int, (counts->>'days')::int FROM chatrec.run_steps "
                      "WHERE step = 'extract' ORDER BY run")  # fmt: skip
    (first, days), (second, _) = read
    assert first == days
    assert second <= 2


def test_hours_are_the_same_for_the_same_seed() -> None:
    one, two = (list(World(END, subscribers=50).hours(0, 5)) for _ in range(2))
    assert all(a.articles.equals(b.articles) and a.reads.equals(b.reads) for a, b in zip(one, two, strict=True))
    assert sum(len(hour.reads) for hour in one) > 0
