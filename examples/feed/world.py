"""Synthetic tables of the feed, hour by hour: follows, posts and likes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from examples.common import DAY, HOUR, Array, array_of, generator, moments, pick

HERE = Path(__file__).parent
AUTHORS, AUTHORS_AT_MOST = 0.1, 1000
"""Share of accounts that post, and their largest number."""
ACCOUNTS_OF_A_BLOCK = 10_000
ALIVE_HOURS = 36
HALF_LIFE_HOURS = 5.0
"""Half-life of the interest in a post."""
POSTS_OF_AN_AUTHOR, LIKES_OF_A_DAY = 1.6, 4.0
"""Mean posts per author and day, and mean likes per account and day."""
FOLLOWED = 8
"""Mean number of followed authors per account."""
BASE_WEIGHT = 0.15
"""Weight of an author independent of the topic, relative to that of a favourite topic."""
FROM_FOLLOWED = 0.65
"""Share of likes for posts of followed authors; the other likes are sampled by topic."""
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
"""First keys of random generators."""


@dataclass(frozen=True)
class Hour:
    """Rows of an hour, by table."""

    posts: pl.DataFrame
    likes: pl.DataFrame


@dataclass
class World:
    """A synthetic feed, deterministic for a seed. Hours are counted from its first."""

    start: datetime
    accounts: int = 1500
    seed: int = 7
    _alive: list[pl.DataFrame] = field(default_factory=list)
    """Number, author, hour and appeal of the posts that may still be liked."""

    @cached_property
    def topics(self) -> pl.DataFrame:
        """Topics: topic and words."""
        return pl.read_csv(HERE / "topics.csv").with_columns(pl.col("words").str.split(" "))

    @cached_property
    def handles(self) -> Array:
        """Handles of accounts, authors first."""
        return np.array([f"{NAMES[number % len(NAMES)]}_{number}" for number in range(self.accounts)])

    @cached_property
    def authors(self) -> int:
        """Number of authors."""
        return max(len(self.topics), min(round(AUTHORS * self.accounts), AUTHORS_AT_MOST))

    @cached_property
    def taste(self) -> Array:
        """Taste, accounts × topics; rows sum to 1."""
        random = generator(self.seed, TASTES)
        taste: Array = random.dirichlet(np.full(len(self.topics), 0.2), self.accounts) * 0.95
        return taste + 0.05 / len(self.topics)

    @cached_property
    def topic_of(self) -> Array:
        """Topic of each author."""
        return np.arange(self.authors) % len(self.topics)

    @cached_property
    def fame(self) -> Array:
        """Popularity of each author."""
        fame: Array = generator(self.seed, ACCOUNTS).lognormal(0, 0.8, self.authors)
        return fame

    @cached_property
    def following(self) -> Array:
        """Follow graph, bool, accounts × authors."""
        following = np.zeros((self.accounts, self.authors), bool)
        for start in range(0, self.accounts, ACCOUNTS_OF_A_BLOCK):
            random, part = generator(self.seed, FOLLOWS, start), slice(start, start + ACCOUNTS_OF_A_BLOCK)
            base = BASE_WEIGHT * self.fame / len(self.topics)
            wanted = self.taste[part][:, self.topic_of] * self.fame + base
            chances = np.minimum(FOLLOWED * wanted / wanted.sum(1, keepdims=True), 1)
            following[part] = random.random(wanted.shape) < chances
        following[np.arange(self.authors), np.arange(self.authors)] = False
        return following

    def people(self) -> Iterator[pl.DataFrame]:
        """Yields rows of plaza.accounts."""
        favourite = self.topics["topic"].to_numpy()[self.taste.argmax(1)]
        for start in range(0, self.accounts, ACCOUNTS_OF_A_BLOCK):
            part = slice(start, start + ACCOUNTS_OF_A_BLOCK)
            yield pl.DataFrame({"handle": self.handles[part], "bio": [f"Mostly {topic}." for topic in favourite[part]]})

    def follows(self) -> Iterator[pl.DataFrame]:
        """Yields rows of plaza.follows, all older than the first hour."""
        random = generator(self.seed, FOLLOWS, 1)
        for start in range(0, self.accounts, ACCOUNTS_OF_A_BLOCK):
            follower, author = np.nonzero(self.following[start : start + ACCOUNTS_OF_A_BLOCK])
            yield pl.DataFrame(
                {
                    "handle": self.handles[follower + start],
                    "author": self.handles[author],
                    "since": moments(self.start - 300 * DAY, random.random(len(follower)) * 300 * 86_400),
                }
            )

    def hours(self, first: int, last: int) -> Iterator[Hour]:
        """Yields the hours from `first` up to `last`, without `last`."""
        for hour in range(first, last):
            fresh, likes = self._posted(hour), self._liked(hour)
            self._alive = [*self._alive[-ALIVE_HOURS + 1 :], fresh.select("post", "by", "hour", "appeal")]
            yield Hour(fresh.drop("by", "hour", "appeal"), likes)

    def _posted(self, hour: int) -> pl.DataFrame:
        random = generator(self.seed, POSTS, hour)
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
        """Returns the likes of an hour, for posts of followed authors or by topic."""
        random = generator(self.seed, LIKES, hour)
        accounts = np.repeat(np.arange(self.accounts), random.poisson(LIKES_OF_A_DAY / 24, self.accounts))
        alive = pl.concat(self._alive) if self._alive else self._posted(hour).head(0)
        by = alive["by"].to_numpy()
        wanted = alive["appeal"].to_numpy() * 0.5 ** ((hour - alive["hour"].to_numpy()) / HALF_LIFE_HOURS)
        followed = self.following[accounts][:, by] * wanted
        liked = self.taste[accounts][:, self.topic_of[by]] * self.fame[by] * wanted
        of_followed = (random.random(len(accounts)) < FROM_FOLLOWED) & (followed.sum(1) > 0)
        chances = np.where(of_followed[:, None], followed, liked)
        accounts, chances = (values[chances.sum(1) > 0] for values in (accounts, chances))
        chosen = pick(random, chances) if len(accounts) else accounts
        return pl.DataFrame(
            {
                "handle": self.handles[accounts],
                "post": alive["post"].to_numpy()[chosen],
                "liked_at": moments(self.start + hour * HOUR, random.random(len(accounts)) * 3600),
            }
        ).unique(["handle", "post"], keep="first", maintain_order=True)
