"""Some hours of the site: who gets the newest articles, and how yesterday's fade."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from examples.common import HOUR, Stage
from examples.news.world import HERE, Hour, World

HISTORY, SHOWN = 120, 3
"""Hours before the first run, and hours with a run each."""
NEWEST = """
SELECT a.article, a.headline, a.subject, extract(epoch FROM %s - a.published_at) / 60,
       array_remove(array_agg(r.user_id), NULL)
FROM press.articles a LEFT JOIN chatrec.recommendations r ON r.item_id = a.article
WHERE a.published_at > %s GROUP BY a.article ORDER BY a.article
"""
AGES = """
WITH aged AS (SELECT extract(epoch FROM %s - a.published_at) / 3600 AS hours
              FROM chatrec.recommendations r JOIN press.articles a ON a.article = r.item_id)
SELECT avg((hours < 1)::int), avg((hours >= 1 AND hours < 6)::int), avg((hours >= 6 AND hours < 12)::int),
       avg((hours >= 12 AND hours < 24)::int), avg((hours >= 24)::int) FROM aged
"""
LIST = """
SELECT r.rank, a.headline, a.subject, to_char((%s - a.published_at), 'HH24:MI'), r.source
FROM chatrec.recommendations r JOIN press.articles a ON a.article = r.item_id
WHERE r.user_id = %s ORDER BY r.rank LIMIT 6
"""


@dataclass(frozen=True)
class Reached:
    """An article of the last minutes and whom it was recommended to."""

    article: int
    headline: str
    subject: str
    minutes: float
    """Before the run."""
    fitting: int
    """Number of subscribers with at least a third of their reading on its subject."""
    of_fitting: float
    """Share of them with the article in their list."""
    of_others: float
    """The same share of all other subscribers."""


def fill(stage: Stage, world: World, hours: int) -> None:
    """Creates the tables, with the rows of the first hours."""
    stage.begin_anew(HERE / "schema.sql", "press")
    stage.load("press.subscribers", world.people())
    go_on(stage, world.hours(0, hours))


def go_on(stage: Stage, hours: Iterable[Hour]) -> None:
    """Adds the rows of more hours."""
    for hour in hours:
        stage.load("press.articles", [hour.articles])
        stage.load("press.reads", [hour.reads])


def reached(stage: Stage, world: World, moment: datetime) -> list[Reached]:
    """Measures each article of the hour before a moment."""
    fitting = {subject: set(who.tolist()) for subject, who in world.fitting().items()}
    found = []
    for article, headline, subject, minutes, users in stage.rows(NEWEST, (moment, moment - HOUR)):
        wanted, got = fitting[subject], set(users)
        others = world.subscribers - len(wanted)
        of_fitting = len(wanted & got) / max(len(wanted), 1)
        of_others = len(got - wanted) / max(others, 1)
        found.append(Reached(article, headline, subject, float(minutes), len(wanted), of_fitting, of_others))
    return found


def ages(stage: Stage, moment: datetime) -> list[float]:
    """The shares of rows of lists whose article is not an hour old, then up to 6, 12 and 24 hours, and older."""
    return [float(share) for share in stage.rows(AGES, (moment,))[0]]


def show(stage: Stage, users: int, seed: int) -> None:
    """Makes everything and shows it."""
    last = datetime.now(UTC)
    world = World(last - (HISTORY + SHOWN) * HOUR, users, seed=seed)
    stage.stage(f"{HISTORY} hours of the site, {users:,} subscribers", lambda: fill(stage, world, HISTORY))
    by_hour = []
    for hour in range(HISTORY, HISTORY + SHOWN):
        moment = world.start + (hour + 1) * HOUR
        go_on(stage, world.hours(hour, hour + 1))
        stage.say(f"The run of {moment:%H:%M}")
        stage.run(moment)
        _show_reached(stage, reached(stage, world, moment))
        by_hour.append((f"{moment:%H:%M}", *ages(stage, moment)))
    reader = int(world.fitting(0.6)[world.subjects["subject"][0]][0])
    stage.say(f"Subscriber {reader}, who reads mostly about {world.subjects['subject'][0]}")
    stage.table(("rank", "headline", "subject", "age", "source"), stage.rows(LIST, (last, reader)))
    without = stage.settings.override({"rules.freshness": {}})
    stage.say("The same hour without freshness")
    stage.run(last + HOUR / 60, without)
    by_hour.append(("without", *ages(stage, last)))
    stage.say("How old what is recommended is, as shares of all rows")
    names = ("run", "under 1 h", "1 to 6 h", "6 to 12 h", "12 to 24 h", "older")
    stage.table(names, [(run, *(f"{share:.1%}" for share in shares)) for run, *shares in by_hour])


def _show_reached(stage: Stage, found: list[Reached]) -> None:
    names = ("headline", "subject", "minutes old", "it fits", "have it", "of others")
    stage.table(
        names,
        [
            (each.headline, each.subject, f"{each.minutes:.0f}", each.fitting,
             f"{each.of_fitting:.0%}", f"{each.of_others:.0%}")
            for each in found
        ],
    )  # fmt: skip
    weight = sum(each.fitting for each in found)
    share = sum(each.fitting * each.of_fitting for each in found) / max(weight, 1)
    stage.shown.print(f"[bold]{share:.1%}[/] of those whose interest an article fits have it in their lists")
