"""`python -m examples.feed.compare`: ways to say who follows whom, each by the likes of the three hours after a run."""

import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np

from chatrec.config import load
from chatrec.evaluation.metrics import ndcg
from examples.common import HOUR, Array, Stage
from examples.feed.show import HISTORY, LISTED, fill, go_on
from examples.feed.world import HERE, World

AFTER = 3
LIKED = """
SELECT DISTINCT l.handle, l.post::text FROM plaza.likes l JOIN plaza.posts p USING (post)
WHERE l.liked_at >= %(run)s AND p.posted_at < %(run)s
AND NOT EXISTS (SELECT FROM plaza.likes b WHERE b.handle = l.handle AND b.post = l.post AND b.liked_at < %(run)s)
"""
SEARCH = "SELECT handle AS user_id, author AS query, now() AS occurred_at FROM plaza.follows"
ITEMS = "SELECT user_id, array_agg(item_id ORDER BY rank) FROM chatrec.recommendations GROUP BY user_id"
BY_FOLLOWED = f"SELECT avg(followed::int) FROM ({LISTED}) AS listed"


def ways(interactions: str) -> dict[str, dict[str, Any]]:
    """Returns the settings that differ from `chatrec.toml`, by the name of the variant."""
    likes = interactions.split("UNION ALL")[0]
    search = {"source.queries": SEARCH, "advanced.text.queries": 100}
    return {
        "not at all": {"source.interactions": likes},
        "one old post of theirs": {"source.interactions": interactions.replace("LIMIT 4", "LIMIT 1")},
        "four old posts": {},
        "twelve old posts": {"source.interactions": interactions.replace("LIMIT 4", "LIMIT 12")},
        "a search for their name": {"source.interactions": likes, **search},
        "four old posts and a search": search,
    }


def quality(lists: dict[str, list[str]], liked: dict[str, set[str]]) -> Array:
    """Returns NDCG@10 of each account with a like."""
    hits = np.zeros((len(liked), 10), bool)
    for row, (user, posts) in enumerate(liked.items()):
        for place, post in enumerate(lists.get(user, [])[:10]):
            hits[row, place] = post in posts
    return np.asarray(ndcg(hits, np.array([len(posts) for posts in liked.values()])))


def gain(scores: Array, base: Array) -> str:
    """The mean of paired differences, with a 95 % interval."""
    differences = scores - base
    return f"{differences.mean():+.4f} ± {1.96 * differences.std() / len(differences) ** 0.5:.4f}"


def main() -> None:
    """Prints a table."""
    settings = load(HERE / "chatrec.toml")
    end = datetime.now(UTC)
    world = World(end - (HISTORY + AFTER) * HOUR)
    run = world.start + HISTORY * HOUR
    found: dict[str, tuple[dict[str, list[str]], float]] = {}
    with Stage.open(settings) as stage:
        fill(stage, world, HISTORY)
        for place, (name, changes) in enumerate(ways(settings.source.interactions).items()):
            stage.run(run + place * HOUR / 60, settings.override(changes), quiet=True)
            found[name] = (dict(stage.rows(ITEMS)), float(stage.rows(BY_FOLLOWED)[0][0]))
            print(f"{name}: done", file=sys.stderr)
        go_on(stage, world.hours(HISTORY, HISTORY + AFTER))
        liked: dict[str, set[str]] = {}
        for user, post in stage.rows(LIKED, {"run": run}):
            liked.setdefault(user, set()).add(post)
        scores = {name: quality(lists, liked) for name, (lists, _) in found.items()}
        rows = [
            (name, f"{each.mean():.4f}", gain(each, scores["not at all"]), f"{found[name][1]:.0%}")
            for name, each in scores.items()
        ]
        stage.say(f"NDCG@10 of {len(liked)} accounts that liked something in the {AFTER} hours after the run")
        stage.table(("a follow is", "NDCG@10", "gain", "rows by followed authors"), rows)


if __name__ == "__main__":
    main()
