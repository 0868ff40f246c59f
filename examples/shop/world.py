"""Synthetic tables of the shop: products, members, orders with repeats, and searches in two languages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from examples.common import DAY, Array, generator, moments, pick

HERE = Path(__file__).parent
DAYS = 180
MEMBERS_OF_A_BLOCK = 1000
LINES_OF_A_MEMBER = 9
CITIES = ("London", "Leeds", "Shanghai", "Chengdu", "Singapore")
BRANDS = {
    "Nordwind": "北风", "Swiftly": "迅捷", "Lotus": "莲花", "Redstone": "红石", "Everpine": "常松",
    "Bluebay": "蓝湾", "Goldleaf": "金叶", "Silkroad": "丝路", "Jade River": "玉河", "Highland": "高原",
}  # fmt: skip
KINDS = {
    "classic": "经典", "light": "轻便", "blue": "蓝色", "red": "红色", "black": "黑色", "travel": "旅行",
    "family": "家庭装", "professional": "专业", "children's": "儿童", "premium": "高级",
}  # fmt: skip
OUT_OF_STOCK = 0.05
"""Share of products that are out of stock."""
SEARCHED = 0.2
"""Share of members with a search."""
CATALOGUE, MEMBERS, ORDERS, SEARCHES = range(4)
"""First keys of random generators."""


@dataclass(frozen=True)
class World:
    """A synthetic shop, deterministic for a seed."""

    until: datetime
    """End of the orders."""
    members: int = 1500
    products: int = 600
    seed: int = 7

    @cached_property
    def shelves(self) -> pl.DataFrame:
        """Shelves: department, shelf, their Chinese names, price, days of supply, and about."""
        return pl.read_csv(HERE / "shelves.csv")

    @cached_property
    def shelf_of(self) -> Array:
        """Shelf of each product."""
        return np.arange(self.products) % len(self.shelves)

    def catalogue(self) -> Iterator[pl.DataFrame]:
        """Yields rows of store.products."""
        random = generator(self.seed, CATALOGUE)
        shelf = self.shelves[self.shelf_of]
        brand, kind = (random.integers(len(names), size=self.products) for names in (BRANDS, KINDS))
        number = [f"{row // len(self.shelves) + 1}" for row in range(self.products)]
        brands, kinds = (np.array(list(names.items())) for names in (BRANDS, KINDS))
        yield pl.DataFrame(
            {
                "sku": self.skus,
                "name_en": [
                    f"{b} {k} {s} {n}"
                    for b, k, s, n in zip(brands[brand, 0], kinds[kind, 0], shelf["shelf"], number, strict=True)
                ],
                "name_zh": [
                    f"{b}{k}{s}" for b, k, s in zip(brands[brand, 1], kinds[kind, 1], shelf["shelf_zh"], strict=True)
                ],
                "about": shelf["about"],
                "department": shelf["department"] + " " + shelf["department_zh"],
                "shelf": shelf["shelf"],
                "brand": brands[brand, 0],
                "price": np.round(shelf["price"].to_numpy() * random.lognormal(0, 0.3, self.products), 2),
                "stock": np.where(
                    random.random(self.products) < OUT_OF_STOCK, 0, random.integers(1, 400, self.products)
                ),
                "changed_at": moments(self.start, random.random(self.products) * DAYS * 86_400 / 2),
            }
        )

    def people(self) -> Iterator[pl.DataFrame]:
        """Yields rows of store.members."""
        for block in self._blocks():
            random = generator(self.seed, MEMBERS, block[0])
            city = random.choice(len(CITIES), len(block), p=(0.3, 0.2, 0.2, 0.15, 0.15))
            yield pl.DataFrame(
                {
                    "member_id": block + 1,
                    "city": np.array(CITIES)[city],
                    "language": self._language(city),
                    "joined_on": moments(self.start - 700 * DAY, random.random(len(block)) * 700 * 86_400).dt.date(),
                }
            )

    def orders(self) -> Iterator[pl.DataFrame]:
        """Yields rows of store.order_lines: purchases by taste, and repeat purchases."""
        for block in self._blocks():
            random = generator(self.seed, ORDERS, block[0])
            count = random.poisson(LINES_OF_A_MEMBER, len(block))
            buyers = np.repeat(np.arange(len(block)), count)
            shelf = pick(random, self._taste(block)[buyers])
            product = self._product(random, shelf)
            at = random.random(len(buyers)) * DAYS
            buyers, product, at = self._with_repeats(random, buyers, product, at)
            yield pl.DataFrame(
                {
                    "order_no": block[0] * 1000 + np.arange(len(buyers)),
                    "member_id": block[buyers] + 1,
                    "sku": np.array(self.skus)[product],
                    "quantity": random.integers(1, 3, len(buyers)),
                    "ordered_at": moments(self.start, at * 86_400),
                }
            )

    def searches(self) -> Iterator[pl.DataFrame]:
        """Yields rows of store.searches: recent searches of a fifth of the members for a shelf, in their language."""
        names = self.shelves.select("shelf", "shelf_zh").to_numpy()
        for frame in self.people():
            block = frame["member_id"].to_numpy() - 1
            random = generator(self.seed, SEARCHES, block[0])
            searchers = np.flatnonzero(random.random(len(block)) < SEARCHED)
            shelf = pick(random, self._taste(block)[searchers])
            chinese = (frame["language"].to_numpy()[searchers] == "zh").astype(int)
            yield pl.DataFrame(
                {
                    "member_id": block[searchers] + 1,
                    "words": names[shelf, chinese],
                    "searched_at": moments(self.until - 20 * DAY, random.random(len(searchers)) * 20 * 86_400),
                }
            )

    @property
    def start(self) -> datetime:
        """Start of the orders."""
        return self.until - DAYS * DAY

    @cached_property
    def skus(self) -> list[str]:
        """SKU of each product."""
        departments = self.shelves["department"][self.shelf_of]
        return [f"{name[:2].upper()}-{number:05}" for number, name in enumerate(departments)]

    def _blocks(self) -> Iterator[Array]:
        for start in range(0, self.members, MEMBERS_OF_A_BLOCK):
            yield np.arange(start, min(start + MEMBERS_OF_A_BLOCK, self.members))

    def _language(self, city: Array) -> Array:
        return np.where(np.isin(city, (2, 3)), "zh", "en")

    def _taste(self, block: Array) -> Array:
        """Returns the taste of a block, members × shelves, concentrated on few departments and shelves."""
        random = generator(self.seed, MEMBERS, block[0], 1)
        departments, department_of = np.unique(self.shelves["department"].to_numpy(), return_inverse=True)
        liked = random.dirichlet(np.full(len(departments), 0.25), len(block)) + 0.01
        taste: Array = liked[:, department_of] * random.gamma(0.6, 1.0, (len(block), len(department_of)))
        return taste + 1e-4

    def _product(self, random: np.random.Generator, shelf: Array) -> Array:
        """Samples a product of each shelf; the first ones are bought most."""
        per_shelf = -(-self.products // len(self.shelves))
        position = np.minimum(random.geometric(0.25, len(shelf)) - 1, per_shelf - 1)
        product = position * len(self.shelves) + shelf
        return np.where(product < self.products, product, shelf % self.products)

    def _with_repeats(
        self, random: np.random.Generator, buyers: Array, product: Array, at: Array
    ) -> tuple[Array, Array, Array]:
        """Adds repeat purchases, at intervals of about the days of supply, until the end of the orders."""
        days = self.shelves["days"].cast(pl.Float64).fill_null(0).to_numpy()[self.shelf_of[product]]
        repeated = np.flatnonzero((days > 0) & (random.random(len(buyers)) < 0.6))
        again = ((DAYS - at[repeated]) / days[repeated]).astype(int)
        rows = np.repeat(repeated, again)
        turn = np.arange(len(rows)) - np.repeat(np.cumsum(again) - again, again) + 1
        later = at[rows] + days[rows] * (turn + random.normal(0, 0.08, len(rows)))
        kept = later < DAYS
        parts = ((buyers, buyers[rows]), (product, product[rows]), (at, later))
        first, second, third = (np.concatenate([one, two[kept]]) for one, two in parts)
        return first, second, third
