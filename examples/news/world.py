"""Synthetic tables of the news site, hour by hour: articles and reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from examples.common import HOUR, Array, generator, moments, pick

HERE = Path(__file__).parent
SUBSCRIBERS_OF_A_BLOCK = 10_000
ALIVE_HOURS = 36
HALF_LIFE_HOURS = 4.0
"""Half-life of the interest in an article."""
PUBLISHED_WITHIN = 1 / 6
"""Share of an hour, at its end, in which articles are published."""
READS_OF_A_DAY = 2.5
"""Mean reads per subscriber and day."""
TOWNS, PLANS = ("Aachen", "Bergen", "Cork", "Dijon"), ("free", "paid")
PHRASES = (
    "{who} on the {a} and the {b}",
    "{a}, {b} and {c}: what {who} says",
    "Why the {a} matters more than the {b}",
    "{who}: no {a} without a {b}",
    "After the {a} comes the {b}",
    "The {a} that nobody expected",
)
PEOPLE, INTERESTS, ARTICLES, READS = range(4)
"""First keys of random generators."""


@dataclass(frozen=True)
class Hour:
    """Rows of an hour, by table."""

    articles: pl.DataFrame
    reads: pl.DataFrame


@dataclass
class World:
    """A synthetic news site, deterministic for a seed. Hours are counted from its first."""

    start: datetime
    subscribers: int = 1500
    articles_of_an_hour: int = 10
    seed: int = 7
    _alive: list[pl.DataFrame] = field(default_factory=list)
    """Subject, number, hour and appeal of the articles that may still be read."""

    @cached_property
    def subjects(self) -> pl.DataFrame:
        """Subjects: subject, desk, people and words."""
        return pl.read_csv(HERE / "subjects.csv").with_columns(pl.col("people", "words").str.split(" "))

    def people(self) -> Iterator[pl.DataFrame]:
        """Yields rows of press.subscribers."""
        for start in range(0, self.subscribers, SUBSCRIBERS_OF_A_BLOCK):
            numbers = np.arange(start, min(start + SUBSCRIBERS_OF_A_BLOCK, self.subscribers))
            random = generator(self.seed, PEOPLE, start)
            yield pl.DataFrame(
                {
                    "subscriber": numbers + 1,
                    "town": random.choice(TOWNS, len(numbers)),
                    "plan": random.choice(PLANS, len(numbers), p=(0.7, 0.3)),
                }
            )

    @cached_property
    def interest(self) -> Array:
        """Interest, subscribers × subjects; rows sum to 1, mostly over one to three subjects."""
        random = generator(self.seed, INTERESTS)
        interest: Array = random.dirichlet(np.full(len(self.subjects), 0.12), self.subscribers) * 0.95
        return interest + 0.05 / len(self.subjects)

    def fitting(self, least: float = 0.3) -> dict[str, Array]:
        """Returns the subscribers of each subject.

        Args:
            least: Smallest share of the subject in a subscriber's reading.

        Returns:
            Subscriber numbers by subject.
        """
        return {
            subject: np.flatnonzero(self.interest[:, row] >= least) + 1
            for row, subject in enumerate(self.subjects["subject"])
        }

    def hours(self, first: int, last: int) -> Iterator[Hour]:
        """Yields the hours from `first` up to `last`, without `last`."""
        for hour in range(first, last):
            fresh = self._published(hour)
            reads = self._read(hour)
            self._alive = [*self._alive[-ALIVE_HOURS + 1 :], fresh.select("article", "row", "hour", "appeal")]
            yield Hour(fresh.drop("row", "hour", "appeal"), reads)

    def _published(self, hour: int) -> pl.DataFrame:
        random = generator(self.seed, ARTICLES, hour)
        count = self.articles_of_an_hour
        rows = random.choice(len(self.subjects), count, replace=count > len(self.subjects))
        texts = [self._text(random, self.subjects.row(row, named=True)) for row in rows]
        at = (hour + 1 - PUBLISHED_WITHIN * random.random(count)) * 3600
        return pl.DataFrame(
            {
                "article": hour * count + np.arange(count) + 1,
                "headline": [headline for headline, _ in texts],
                "lead": [lead for _, lead in texts],
                "desk": self.subjects["desk"][rows],
                "subject": self.subjects["subject"][rows],
                "published_at": moments(self.start, at),
                "row": rows,
                "hour": hour,
                "appeal": random.lognormal(0, 0.7, count),
            }
        )

    def _text(self, random: np.random.Generator, subject: dict[str, list[str]]) -> tuple[str, str]:
        """Returns a headline and a lead with words of the subject."""
        words, people = random.permutation(subject["words"]), random.permutation(subject["people"])
        phrase = PHRASES[random.integers(len(PHRASES))]
        headline = phrase.format(who=people[0], a=words[0], b=words[1], c=words[2])
        lead = f"{people[0]} spoke of the {words[3]} and the {words[4]}. {people[1]} doubts the {words[5]}."
        return headline[0].upper() + headline[1:], lead

    def _read(self, hour: int) -> pl.DataFrame:
        """Returns the reads of an hour, sampled by interest, appeal and age of the articles."""
        random = generator(self.seed, READS, hour)
        readers = np.repeat(np.arange(self.subscribers), random.poisson(READS_OF_A_DAY / 24, self.subscribers))
        alive = pl.concat(self._alive) if self._alive else self._published(hour).head(0)
        if not len(alive):
            readers = readers[:0]
        wanted = alive["appeal"].to_numpy() * 0.5 ** ((hour - alive["hour"].to_numpy()) / HALF_LIFE_HOURS)
        chosen = pick(random, self.interest[readers][:, alive["row"].to_numpy()] * wanted) if len(readers) else readers
        return pl.DataFrame(
            {
                "subscriber": readers + 1,
                "article": alive["article"].to_numpy()[chosen],
                "seconds": random.gamma(2, 40, len(readers)).astype(np.int64) + 5,
                "read_at": moments(self.start + hour * HOUR, random.random(len(readers)) * 3600),
            }
        ).unique(["subscriber", "article"], keep="first", maintain_order=True)
