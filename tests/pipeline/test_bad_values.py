"""What the check and the step extract make of texts that the tables cannot hold."""

from collections.abc import Callable, Iterator

import pytest

from chatrec.config import Settings
from chatrec.db.engine import open_database
from chatrec.pipeline.preflight import preflight
from chatrec.pipeline.runner import Runner
from chatrec.pipeline.steps import STEPS
from chatrec.runs.run import Run
from tests.support.databases import new_database
from tests.support.finished import FIRST, migrate
from tests.support.shop import SELECTS, Shop


@pytest.fixture
def latin(server: str) -> Iterator[str]:
    """The URL of a database in LATIN1."""
    yield from new_database(server, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")


def test_texts_beyond_the_encoding_and_long_providers_are_found_when_they_are_read(
    shop: Shop, latin: str, configure: Callable[..., Settings]
) -> None:
    items = SELECTS["items"].replace("plot", "CASE no WHEN 1 THEN repeat('x', 3000) ELSE plot END AS plot")
    settings = configure(
        source__url=shop.url,
        database__url=latin,
        source__users=SELECTS["users"].replace("town", "CASE no WHEN 2 THEN '鞋' ELSE town END AS town"),
        source__items=items,
        fairness__attribute="plot",
        fairness__audit=["town"],
    )
    found = next(preflight(settings))
    assert found.ok
    assert ", in LATIN1, while source.url is in UTF8: titles that LATIN1 cannot hold are written with ?" in found.answer
    migrate(settings)
    with open_database(settings, "chatrec test") as engine:
        runner = Runner(settings, Run(settings.artifacts.root, FIRST), engine)
        runner.begin("test")
        result = runner.perform(STEPS[0]).result
    unknown = (
        "SELECT count(*) FILTER (WHERE customer = 2), count(*) FILTER (WHERE customer <> 2 AND film = 1) FROM views"
    )
    ((of_user, of_item),) = shop.execute(unknown)
    assert result.quarantine == {
        "interactions: unknown item": of_item,
        "interactions: unknown user": of_user,
        "items: plot is longer than 1,000 bytes": 1,
        "users: town cannot be written in LATIN1": 1,
    }
    ((row,),) = Shop(latin).execute("SELECT row_data FROM chatrec.quarantine WHERE relation = 'users'")
    assert row == {"user_id": "2", "age": "22", "town": "?"}


def test_one_database_in_any_encoding_has_nothing_to_say(latin: str, configure: Callable[..., Settings]) -> None:
    Shop(latin).create()
    assert "LATIN1" not in next(preflight(configure(database__url=latin))).answer
    assert "LATIN1" not in next(preflight(configure(database__url=latin, source__url=latin))).answer


def test_the_check_says_what_is_read_otherwise_than_meant(shop: Shop, configure: Callable[..., Settings]) -> None:
    settings = configure(
        source__users="SELECT 'User' || no AS user_id FROM customers",
        source__items="SELECT no AS item_id, name AS title, to_json(kinds)::text AS groups FROM films",
        source__interactions="SELECT CASE customer WHEN 1 THEN 'user' ELSE 'User' END || customer AS user_id,"
        " film AS item_id, at AS occurred_at FROM views",
    )
    (data,) = (finding for finding in preflight(settings) if finding.question == "data")
    assert data.ok
    assert "12 of 468 events are of an unknown user because ids differ in case or blanks" in data.answer
    assert """source.items gives the group '["Detective"]', which looks like an array in a text""" in data.answer
    members = "SELECT 'member ' || customer AS user_id, film AS item_id, at AS occurred_at FROM views"
    problems = [finding for finding in preflight(settings.override({"source.interactions": members})) if not finding.ok]
    assert "source.interactions gives no valid row (468 rows of interactions (unknown user))" in problems[0].answer
    assert "468 of 468 events are of an unknown user: the ids do not match, such as 'member 0'" in problems[1].answer
    assert len(problems) == 2
