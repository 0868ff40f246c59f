"""Runs the news site for some hours: the reach of new articles, and the ages of recommended articles."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from examples.common import HOUR, Stage
from examples.news.world import HERE, Hour, World

HISTORY, SHOWN = 120, 3
"""Hours before the first run, and hours with a run."""
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
class Reach:
    """Reach of a new article among subscribers."""

    article: int
    headline: str
    subject: str
    minutes: float
    """Minutes between publication and run."""
    fitting: int
    """Number of subscribers for whom its subject is at least a third of their reading."""
    of_fitting: float
    """Share of them whose list has the article."""
    of_others: float
    """Share of all other subscribers whose list has it."""


def fill(stage: Stage, world: World, hours: int) -> None:
    """Creates the tables and the rows of the first hours."""
    stage.reset(HERE / "schema.sql", "press")
    stage.load("press.subscribers", world.people())
    add_hours(stage, world.hours(0, hours))


def add_hours(stage: Stage, hours: Iterable[Hour]) -> None:
    """Adds the rows of further hours."""
    for hour in hours:
        stage.load("press.articles", [hour.articles])
        stage.load("press.reads", [hour.reads])


def reach(stage: Stage, world: World, moment: datetime) -> list[Reach]:
    """Returns the reach of each article of the hour before a moment."""
    fitting = {subject: set(subscribers.tolist()) for subject, subscribers in world.fitting().items()}
    articles = []
    for article, headline, subject, minutes, users in stage.rows(NEWEST, (moment, moment - HOUR)):
        interested, recipients = fitting[subject], set(users)
        others = world.subscribers - len(interested)
        of_fitting = len(interested & recipients) / max(len(interested), 1)
        of_others = len(recipients - interested) / max(others, 1)
        articles.append(Reach(article, headline, subject, float(minutes), len(interested), of_fitting, of_others))
    return articles


def ages(stage: Stage, moment: datetime) -> list[float]:
    """Returns the shares of recommended articles by age: under 1 hour, up to 6, 12 and 24 hours, and older."""
    return [float(share) for share in stage.rows(AGES, (moment,))[0]]


def show(stage: Stage, users: int, seed: int) -> None:
    """Creates the tables, runs the hours and prints the results."""
    last = datetime.now(UTC)
    world = World(last - (HISTORY + SHOWN) * HOUR, users, seed=seed)
    stage.timed(f"{HISTORY} hours of the site, {users:,} subscribers", lambda: fill(stage, world, HISTORY))
    by_hour = []
    for hour in range(HISTORY, HISTORY + SHOWN):
        moment = world.start + (hour + 1) * HOUR
        add_hours(stage, world.hours(hour, hour + 1))
        stage.heading(f"The run of {moment:%H:%M}")
        stage.run(moment)
        _show_reach(stage, reach(stage, world, moment))
        by_hour.append((f"{moment:%H:%M}", *ages(stage, moment)))
    reader = int(world.fitting(0.6)[world.subjects["subject"][0]][0])
    stage.heading(f"Subscriber {reader}, a reader of {world.subjects['subject'][0]}")
    stage.table(("rank", "headline", "subject", "age", "source"), stage.rows(LIST, (last, reader)))
    without = stage.settings.override({"rules.freshness": {}})
    stage.heading("The same hour without freshness")
    stage.run(last + HOUR / 60, without)
    by_hour.append(("without", *ages(stage, last)))
    stage.heading("Ages of recommended articles, as shares of all rows")
    names = ("run", "under 1 h", "1 to 6 h", "6 to 12 h", "12 to 24 h", "older")
    stage.table(names, [(run, *(f"{share:.1%}" for share in shares)) for run, *shares in by_hour])


def _show_reach(stage: Stage, articles: list[Reach]) -> None:
    names = ("headline", "subject", "minutes old", "interested", "reached", "of others")
    stage.table(
        names,
        [
            (article.headline, article.subject, f"{article.minutes:.0f}", article.fitting,
             f"{article.of_fitting:.0%}", f"{article.of_others:.0%}")
            for article in articles
        ],
    )  # fmt: skip
    weight = sum(article.fitting for article in articles)
    share = sum(article.fitting * article.of_fitting for article in articles) / max(weight, 1)
    stage.terminal.print(f"[bold]{share:.1%}[/] of the lists of interested subscribers have the article")
