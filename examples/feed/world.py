"""The feed's made-up tables, hour by hour: who follows whom, what authors post, and who likes it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from examples.common import DAY, HOUR, Array, array_of, chance, moments, pick

HERE = Path(__file__).parent
AUTHORS, AUTHORS_AT_MOST = 0.1, 1000
"""The share of accounts that post."""
ACCOUNTS_OF_A_BLOCK = 10_000
ALIVE_HOURS = 36
HALF_LIFE_HOURS = 5.0
"""Half-life of the appeal of a post."""
POSTS_OF_AN_AUTHOR, LIKES_OF_A_DAY = 1.6, 4.0
"""On a day."""
FOLLOWED = 8
"""Authors that an account follows, about."""
FRIENDS = 0.15
"""Weight of following an author, relative to the favourite topic."""
FROM_FOLLOWED = 0.65
"""Share of likes that go to posts of followed authors; the others are chosen by topic."""
NAMES = (
    "ana",
    "bo",
    "chidi",
    "dara",
    "emre",
    "fay",
    "goro",
    "hana",
    "ines",
    "jun",
    "kofi",
    "lena",
    "mio",
    "nils",
    "olu",
    "pia",
)
PHRASES = (
    "Finally got the {a} right. Next, the {b}.",
    "Nobody tells you how much the {a} depends on the {b} and the {c}.",
    "Question about {a}: do you still use a {b}?",
    "A whole evening with {a}, {b} and no regrets.",
    "My {a} is done! The {b} took three tries.",
    "Unpopular opinion: {a} matters less than {b}.",
)
ACCOUNTS, TASTES, FOLLOWS, POSTS, LIKES = range(5)
"""Streams of random numbers."""


@dataclass(frozen=True)
class Hour:
    """Events of an hour, as rows of the feed's tables."""

    posts: pl.DataFrame
    likes: pl.DataFrame


@dataclass
class World:
    """A feed of some size, the same for the same seed. Hours are counted from its first."""

    start: datetime
    accounts: int = 1500
    seed: int = 7
    _alive: list[pl.DataFrame] = field(default_factory=list)
    """Number, author, hour and appeal of posts that may still be liked."""

    @cached_property
    def topics(self) -> pl.DataFrame:
        """topic, words."""
        return pl.read_csv(HERE / "topics.csv").with_columns(pl.col("words").str.split(" "))

    @cached_property
    def handles(self) -> Array:
        """Handles of all accounts, authors first."""
        return np.array([f"{NAMES[number % len(NAMES)]}_{number}" for number in range(self.accounts)])

    @cached_property
    def authors(self) -> int:
        """Number of accounts that post."""
        return max(len(self.topics), min(round(AUTHORS * self.accounts), AUTHORS_AT_MOST))

    @cached_property
    def taste(self) -> Array:
        """accounts × topics, rows sum to 1."""
        random = chance(self.seed, TASTES)
        found: Array = random.dirichlet(np.full(len(self.topics), 0.2), self.accounts) * 0.95
        return found + 0.05 / len(self.topics)

    @cached_property
    def topic_of(self) -> Array:
        """Topic of each author."""
        return np.arange(self.authors) % len(self.topics)

    @cached_property
    def fame(self) -> Array:
        """Popularity of each author, in follows and likes."""
        found: Array = chance(self.seed, ACCOUNTS).lognormal(0, 0.8, self.authors)
        return found

    @cached_property
    def following(self) -> Array:
        """bool, accounts × authors."""
        found = np.zeros((self.accounts, self.authors), bool)
        for start in range(0, self.accounts, ACCOUNTS_OF_A_BLOCK):
            random, part = chance(self.seed, FOLLOWS, start), slice(start, start + ACCOUNTS_OF_A_BLOCK)
            friends = FRIENDS * self.fame / len(self.topics)
            wanted = self.taste[part][:, self.topic_of] * self.fame + friends
            chances = np.minimum(FOLLOWED * wanted / wanted.sum(1, keepdims=True), 1)
            found[part] = random.random(wanted.shape) < chances
        found[np.arange(self.authors), np.arange(self.authors)] = False
        return found

    def people(self) -> Iterator[pl.DataFrame]:
        """Rows of plaza.accounts."""
        favourite = self.topics["topic"].to_numpy()[self.taste.argmax(1)]
        for start in range(0, self.accounts, ACCOUNTS_OF_A_BLOCK):
            part = slice(start, start + ACCOUNTS_OF_A_BLOCK)
            yield pl.DataFrame({"handle": self.handles[part], "bio": [f"Mostly {each}." for each in favourite[part]]})

    def follows(self) -> Iterator[pl.DataFrame]:
        """Rows of plaza.follows, all older than the first hour."""
        random = chance(self.seed, FOLLOWS, 1)
        for start in range(0, self.accounts, ACCOUNTS_OF_A_BLOCK):
            who, author = np.nonzero(self.following[start : start + ACCOUNTS_OF_A_BLOCK])
            yield pl.DataFrame(
                {
                    "handle": self.handles[who + start],
                    "author": self.handles[author],
                    "since": moments(self.start - 300 * DAY, random.random(len(who)) * 300 * 86_400),
                }
            )

    def hours(self, first: int, last: int) -> Iterator[Hour]:
        """Each hour from the first to before the last, in order."""
        for hour in range(first, last):
            fresh, likes = self._posted(hour), self._liked(hour)
            self._alive = [*self._alive[-ALIVE_HOURS + 1 :], fresh.select("post", "by", "hour", "appeal")]
            yield Hour(fresh.drop("by", "hour", "appeal"), likes)

    def _posted(self, hour: int) -> pl.DataFrame:
        random = chance(self.seed, POSTS, hour)
        by = np.repeat(np.arange(self.authors), random.poisson(POSTS_OF_AN_AUTHOR / 24, self.authors))
        topics = self.topic_of[by]
        words = [random.permutation(self.topics["words"][int(topic)].to_list()) for topic in topics]
        phrases = random.integers(len(PHRASES), size=len(by))
        bodies = [PHRASES[p].format(a=w[0], b=w[1], c=w[2]) for p, w in zip(phrases, words, strict=True)]
        names = self.topics["topic"].to_numpy()[topics]
        return pl.DataFrame(
            {
                "post": hour * self.accounts + np.arange(len(by)) + 1,
                "author": self.handles[by],
                "body": pl.Series(bodies, dtype=pl.String),
                "tags": pl.Series(array_of([n, w[0]] for n, w in zip(names, words, strict=True)), dtype=pl.String),
                "posted_at": moments(self.start + hour * HOUR, random.random(len(by)) * 3600),
                "by": by,
                "hour": pl.Series([hour] * len(by), dtype=pl.Int64),
                "appeal": random.lognormal(0, 0.5, len(by)),
            }
        )

    def _liked(self, hour: int) -> pl.DataFrame:
        """Draws the likes of an hour: posts of followed authors, or posts on a topic of the account."""
        random = chance(self.seed, LIKES, hour)
        who = np.repeat(np.arange(self.accounts), random.poisson(LIKES_OF_A_DAY / 24, self.accounts))
        alive = pl.concat(self._alive) if self._alive else self._posted(hour).head(0)
        by = alive["by"].to_numpy()
        wanted = alive["appeal"].to_numpy() * 0.5 ** ((hour - alive["hour"].to_numpy()) / HALF_LIFE_HOURS)
        followed = self.following[who][:, by] * wanted
        found = self.taste[who][:, self.topic_of[by]] * self.fame[by] * wanted
        of_followed = (random.random(len(who)) < FROM_FOLLOWED) & (followed.sum(1) > 0)
        chances = np.where(of_followed[:, None], followed, found)
        who, chances = (each[chances.sum(1) > 0] for each in (who, chances))
        chosen = pick(random, chances) if len(who) else who
        return pl.DataFrame(
            {
                "handle": self.handles[who],
                "post": alive["post"].to_numpy()[chosen],
                "liked_at": moments(self.start + hour * HOUR, random.random(len(who)) * 3600),
            }
        ).unique(["handle", "post"], keep="first", maintain_order=True)
