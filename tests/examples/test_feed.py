"""The feed: lists follow the follow graph, no author fills one, and a new follow counts within the hour."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from examples.common import HOUR, Rows, Stage
from examples.feed import show
from examples.feed.world import World

HISTORY = 96
END = datetime.now(UTC)


@pytest.fixture(scope="module")
def stage(opened: Any) -> Iterator[Stage]:
    world = World(END - (HISTORY + 1) * HOUR, accounts=300)
    with opened("feed") as found:
        show.fill(found, world, HISTORY)
        likes = found.settings.source.interactions.split("UNION ALL")[0]
        alone = {"source.interactions": likes, "rules.caps": []}
        found.run(END - HOUR, found.settings.override(alone), quiet=True)
        show.add_hours(found, world.hours(HISTORY, HISTORY + 1))
        yield found


@pytest.fixture(scope="module")
def two_runs(stage: Stage) -> dict[str, Any]:
    """What lists were like without follows; then some people follow an author, and a run comes that knows."""
    without = show.facts(stage, END - HOUR)
    new = show.new_pairs(stage, END, 5)
    before = posts_of(stage, new)
    for handle, author in new:
        show.follow(stage, handle, author, END)
    stage.run(END, quiet=True)
    return {"without": without, "new": new, "before": before}


def posts_of(stage: Stage, pairs: Rows) -> list[int]:
    """How many posts of an author are in somebody's list."""
    statement = f"SELECT count(*) FROM ({show.LISTED}) AS l WHERE user_id = %s AND author = %s"
    return [stage.rows(statement, pair)[0][0] for pair in pairs]


def test_lists_follow_the_follow_graph(stage: Stage, two_runs: dict[str, Any]) -> None:
    share, *_ = show.facts(stage, END)
    assert share > two_runs["without"][0] + 0.05


def test_no_author_fills_a_list(stage: Stage, two_runs: dict[str, Any]) -> None:
    assert two_runs["without"][2] > 2
    assert show.facts(stage, END)[2] == 2


def test_who_follows_somebody_gets_their_posts_on_the_next_run(stage: Stage, two_runs: dict[str, Any]) -> None:
    assert two_runs["before"] == [0] * 5
    assert all(posts_of(stage, two_runs["new"]))


def test_hours_are_the_same_for_the_same_seed() -> None:
    one, two = (list(World(END, accounts=50).hours(0, 5)) for _ in range(2))
    assert all(a.posts.equals(b.posts) and a.likes.equals(b.likes) for a, b in zip(one, two, strict=True))
    assert sum(len(hour.likes) for hour in one) > 0
