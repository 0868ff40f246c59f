"""Compares mappings of the follow graph by the likes of the hours after a run: `python -m examples.feed.compare`."""

import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np

from chatrec.config import load
from chatrec.evaluation.metrics import ndcg
from examples.common import HOUR, Array, Stage
from examples.feed.show import HISTORY, LISTED, add_hours, fill
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


def mappings(interactions: str) -> dict[str, dict[str, Any]]:
    """Returns the changes of `chatrec.toml` for each mapping, by its name."""
    likes = interactions.split("UNION ALL")[0]
    search = {"source.queries": SEARCH, "advanced.text.queries": 100}
    return {
        "not mapped": {"source.interactions": likes},
        "one old post of the author": {"source.interactions": interactions.replace("LIMIT 4", "LIMIT 1")},
        "four old posts": {},
        "twelve old posts": {"source.interactions": interactions.replace("LIMIT 4", "LIMIT 12")},
        "a search for the author's name": {"source.interactions": likes, **search},
        "four old posts and a search": search,
    }


def quality(lists: dict[str, list[str]], liked: dict[str, set[str]]) -> Array:
    """Returns NDCG@10 of each user with a like."""
    hits = np.zeros((len(liked), 10), bool)
    for row, (user, posts) in enumerate(liked.items()):
        for rank, post in enumerate(lists.get(user, [])[:10]):
            hits[row, rank] = post in posts
    return np.asarray(ndcg(hits, np.array([len(posts) for posts in liked.values()])))


def gain(scores: Array, base: Array) -> str:
    """Returns the mean of paired differences, with a 95 % interval, as text."""
    differences = scores - base
    return f"{differences.mean():+.4f} ± {1.96 * differences.std() / len(differences) ** 0.5:.4f}"


def main() -> None:
    """Runs each mapping and prints the table."""
    settings = load(HERE / "chatrec.toml")
    end = datetime.now(UTC)
    world = World(end - (HISTORY + AFTER) * HOUR)
    run = world.start + HISTORY * HOUR
    results: dict[str, tuple[dict[str, list[str]], float]] = {}
    with Stage.open(settings) as stage:
        fill(stage, world, HISTORY)
        for number, (name, changes) in enumerate(mappings(settings.source.interactions).items()):
            stage.run(run + number * HOUR / 60, settings.override(changes), quiet=True)
            results[name] = (dict(stage.rows(ITEMS)), float(stage.rows(BY_FOLLOWED)[0][0]))
            print(f"{name}: done", file=sys.stderr)
        add_hours(stage, world.hours(HISTORY, HISTORY + AFTER))
        liked: dict[str, set[str]] = {}
        for user, post in stage.rows(LIKED, {"run": run}):
            liked.setdefault(user, set()).add(post)
        scores = {name: quality(lists, liked) for name, (lists, _) in results.items()}
        rows = [
            (name, f"{ndcgs.mean():.4f}", gain(ndcgs, scores["not mapped"]), f"{results[name][1]:.0%}")
            for name, ndcgs in scores.items()
        ]
        stage.heading(f"NDCG@10 of the {len(liked)} accounts with a like in the {AFTER} hours after the run")
        stage.table(("mapping of follows", "NDCG@10", "gain", "rows by followed authors"), rows)


if __name__ == "__main__":
    main()
