"""From the files of five public databases to published lists, with the SELECTs of the page and default settings."""

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chatrec.config import load
from chatrec.models.registry import POPULARITY
from tests.support import public_databases
from tests.support.databases import connect, new_database
from tests.support.finished import FIRST, CompletedRun, complete, migrate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
MADE_BY_TEXT = "The lists are made of similar texts, because hardly any item was taken by two people."


@dataclass(frozen=True)
class Published:
    """A database after its first run."""

    name: str
    url: str
    run: CompletedRun

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        with closing(connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def lists(self) -> dict[Any, list[Any]]:
        """The items of each user's list, the best first."""
        lists = defaultdict(list)
        for user, item in self.rows("SELECT user_id, item_id FROM chatrec.recommendations ORDER BY user_id, rank"):
            lists[user].append(item)
        return lists


@pytest.fixture(scope="module", params=list(public_databases.DATABASES))
def published(request: pytest.FixtureRequest, server: str, server_folder: Path) -> Iterator[Published]:
    """Each database whose files are there."""
    name = request.param
    if public_databases.folder(name) is None:
        pytest.skip(f"{public_databases.FOLDER} names no folder with {name}")
    files = server_folder / f"public-{name.split()[-1]}"
    files.mkdir()
    for url in new_database(server):
        public_databases.create(name, url, server_folder / "postgres")
        (files / "chatrec.toml").write_text(f'[database]\nurl = "{url}"\n\n{public_databases.block(name, "toml")}')
        settings = load(files / "chatrec.toml")
        migrate(settings)
        yield Published(name, url, complete(settings, FIRST))


def test_the_run_is_published_and_says_what_makes_the_lists(published: Published) -> None:
    told = published.run.verdict
    assert published.run.state == "published"
    assert "The lists are made " in told
    assert "on events of" in told
    assert (MADE_BY_TEXT in told) == (published.name == "chinook")


def test_what_no_customer_took_and_what_has_no_title_is_in_no_list(published: Published) -> None:
    selects = tomllib.loads(public_databases.block(published.name, "toml"))["source"]
    taken = {item for (item,) in published.rows(f"SELECT item_id FROM ({selects['interactions']}) taken")}
    titles = f"SELECT item_id FROM ({selects['items']}) items WHERE trim(title) <> ''"
    titled = {item for (item,) in published.rows(titles)}
    for user, items in published.lists().items():
        assert (taken & titled).issuperset(items), user


def test_what_is_published_is_not_behind_the_best_baseline(published: Published) -> None:
    """By more than chance: the interval of the difference on held-out people reaches 0."""
    fitted = published.run.results["ensemble"]
    check = "SELECT ok, value FROM chatrec.run_checks WHERE name = 'not behind the best baseline'"
    ((ok, difference),) = published.rows(check)
    values = dict(published.rows("SELECT model, value FROM chatrec.run_metrics WHERE metric = 'ndcg@10'"))
    assert ok
    assert fitted.baseline_ndcg == pytest.approx(values[fitted.baseline], abs=1e-6)
    assert difference == pytest.approx(fitted.ndcg - fitted.baseline_ndcg, abs=1e-6)


def test_people_get_lists_of_their_own(published: Published) -> None:
    if published.run.results["ensemble"].published == POPULARITY:
        pytest.skip("lists of what is popular differ only by what their users have")
    lists = published.lists()
    assert len({tuple(items) for items in lists.values()}) >= 0.9 * len(lists)
