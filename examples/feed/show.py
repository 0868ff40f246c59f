"""Runs the feed for some hours: the share of followed authors in lists, and the effect of a new follow."""

from collections.abc import Iterable
from datetime import UTC, datetime

from examples.common import HOUR, Rows, Stage
from examples.feed.world import HERE, Hour, World

HISTORY, SHOWN = 120, 3
"""Hours before the first run, and hours with a run."""
LISTED = """
SELECT r.user_id, r.rank, p.author, p.posted_at,
       EXISTS (SELECT FROM plaza.follows f WHERE f.handle = r.user_id AND f.author = p.author) AS followed
FROM chatrec.recommendations r JOIN plaza.posts p ON p.post::text = r.item_id
"""
FACTS = f"""
SELECT avg(followed::int), avg((posted_at > %s)::int),
       (SELECT max(posts) FROM (SELECT count(*) AS posts FROM ({LISTED}) AS l GROUP BY user_id, author) AS n)
FROM ({LISTED}) AS listed
"""
LIST = f"""
SELECT l.rank, CASE WHEN l.followed THEN '✓' END, l.author, r.title, to_char(%s - l.posted_at, 'HH24:MI'), r.source
FROM ({LISTED}) AS l JOIN chatrec.recommendations r ON r.user_id = l.user_id AND r.rank = l.rank
WHERE l.user_id = %s ORDER BY l.rank
"""
NEW_PAIRS = """
SELECT a.handle, p.author FROM plaza.accounts a CROSS JOIN (
    SELECT author FROM plaza.posts WHERE posted_at > %s GROUP BY author ORDER BY count(*) DESC, author LIMIT 1) AS p
WHERE a.handle <> p.author
AND EXISTS (SELECT FROM plaza.likes l WHERE l.handle = a.handle)
AND NOT EXISTS (SELECT FROM plaza.follows f WHERE f.handle = a.handle AND f.author = p.author)
AND NOT EXISTS (SELECT FROM plaza.likes l JOIN plaza.posts USING (post)
                WHERE l.handle = a.handle AND posts.author = p.author)
AND NOT EXISTS (SELECT FROM chatrec.recommendations r JOIN plaza.posts ON post::text = r.item_id
                WHERE r.user_id = a.handle AND posts.author = p.author)
ORDER BY a.handle LIMIT %s
"""
NAMES = ("rank", "follows", "author", "post", "age", "source")


def fill(stage: Stage, world: World, hours: int) -> None:
    """Creates the tables and the rows of the first hours."""
    stage.reset(HERE / "schema.sql", "plaza")
    stage.load("plaza.accounts", world.people())
    stage.load("plaza.follows", world.follows())
    add_hours(stage, world.hours(0, hours))


def add_hours(stage: Stage, hours: Iterable[Hour]) -> None:
    """Adds the rows of further hours."""
    for hour in hours:
        stage.load("plaza.posts", [hour.posts])
        stage.load("plaza.likes", [hour.likes])


def facts(stage: Stage, moment: datetime) -> tuple[float, float, int]:
    """Returns the share of followed authors, the share of posts of the last hour, and the most posts of an author."""
    followed, new, most = stage.rows(FACTS, (moment - HOUR,))[0]
    return float(followed), float(new), int(most)


def new_pairs(stage: Stage, moment: datetime, count: int) -> Rows:
    """Returns accounts without a like, follow or recommendation of the most active author, each with this author."""
    return stage.rows(NEW_PAIRS, (moment - 12 * HOUR, count))


def follow(stage: Stage, handle: str, author: str, moment: datetime) -> None:
    """Adds a follow."""
    stage.rows("INSERT INTO plaza.follows VALUES (%s, %s, %s)", (handle, author, moment))


def show(stage: Stage, users: int, seed: int) -> None:
    """Creates the tables, runs the hours and prints the results."""
    last = datetime.now(UTC)
    world = World(last - (HISTORY + SHOWN) * HOUR, users, seed=seed)
    stage.timed(f"{HISTORY} hours of the feed, {users:,} accounts", lambda: fill(stage, world, HISTORY))
    by_hour: Rows = []
    handle = author = ""
    for hour in range(HISTORY, HISTORY + SHOWN):
        moment = world.start + (hour + 1) * HOUR
        add_hours(stage, world.hours(hour, hour + 1))
        if hour == HISTORY + SHOWN - 1:
            ((handle, author),) = new_pairs(stage, moment, 1)
            stage.heading(f"{handle} at {moment - HOUR:%H:%M} is about to follow {author}")
            stage.table(NAMES, stage.rows(LIST, (moment, handle)))
            follow(stage, handle, author, moment)
        stage.heading(f"The run of {moment:%H:%M}")
        stage.run(moment)
        followed, new, most = facts(stage, moment)
        by_hour.append((f"{moment:%H:%M}", f"{followed:.0%}", f"{new:.0%}", most))
    stage.heading(f"{handle} an hour later")
    stage.table(NAMES, stage.rows(LIST, (last, handle)))
    stage.heading("All lists")
    stage.table(("run", "rows by followed authors", "of the last hour", "most of one author in a list"), by_hour)
