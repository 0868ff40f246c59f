"""Fair and varied lists in whole runs: what is owed is given, said in SQL, and held against bounds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chatrec.config import Settings
from chatrec.errors import RunStopped, SettingsError
from chatrec.pipeline.preflight import preflight
from tests.support.finished import Finished, Scene, complete
from tests.support.shop import SELECTS, Shop

EXPOSURE = """
SELECT seller, sum(1 / log(2, 1 + rank::numeric))::float8
FROM chatrec.recommendations JOIN sellers ON film = item_id
GROUP BY seller ORDER BY seller
"""


def divide(shop: Shop) -> None:
    """Of the 60 films Big sells half, hardly anybody takes those of Small, nobody sells the last ones."""
    shop.execute("CREATE TABLE sellers AS SELECT no AS film, 'x'::text AS seller FROM films WHERE no < 57")
    shop.execute(
        "UPDATE sellers SET seller = CASE WHEN film < 30 THEN 'Big' WHEN film < 45 THEN 'Mid' ELSE 'Small' END"
    )
    shop.execute("DELETE FROM views WHERE film >= 45 AND customer > 20")


SELECT = SELECTS["items"].replace("FROM films", ", (SELECT seller FROM sellers WHERE film = no) AS seller FROM films")
MARKET = Scene("market", users=200, changes={"source.items": SELECT, "source.item_attributes": ["seller"]}, more=divide)


@pytest.fixture
def finished(server: str, server_folder: Path, tmp_path: Path) -> Iterator[Finished]:
    """A market after a run without a word about fairness."""
    yield from MARKET.copy(server, server_folder, tmp_path)


@pytest.fixture
def market(finished: Finished) -> Shop:
    return finished.shop


@pytest.fixture
def open_market(finished: Finished) -> Settings:
    return finished.settings


def fair(settings: Settings, **changes: Any) -> Settings:
    """With changes of [fairness]."""
    return settings.override({"fairness.attribute": "seller", **{f"fairness.{k}": v for k, v in changes.items()}})


def exposure(shop: Shop) -> dict[str, tuple[float, ...]]:
    columns = "provider, items, target, owed, before, exposure, price"
    return {name: tuple(rest) for name, *rest in shop.execute(f"SELECT {columns} FROM chatrec.exposure")}


def test_a_constraint_gives_what_is_owed_and_says_so_in_sql(open_market: Settings, market: Shop) -> None:
    free = market.lists()
    assert exposure(market) == {}
    complete(fair(open_market))
    assert {price for *_, price in exposure(market).values()} == {0}
    assert market.lists() == free  # an audit changes no list

    owed = {"target": "catalogue", "mode": "constraint", "share": 0.9}
    run = complete(fair(open_market, audit=["town"], **owed))
    found = exposure(market)
    assert set(found) == {"Big", "Mid", "Small"}
    assert sum(target for _, target, *_ in found.values()) == pytest.approx(1)
    assert found["Small"][:3] == pytest.approx((12, 12 / 57, 0.9 * 12 / 57))
    for items, target, least, before, shown, price in found.values():
        assert shown >= least * 0.99
        assert (price > 0) or before >= least * 0.99
        assert least == pytest.approx(0.9 * target)
        assert items
    assert found["Small"][5] > 0 == found["Big"][5]
    total = dict(market.execute(EXPOSURE))
    for name, (*_, shown, _price) in found.items():
        assert shown == pytest.approx(total[name] / sum(total.values()), abs=1e-5)

    counted = run.results["rank"].fairness
    assert counted.priced == sum(price > 0 for *_, price in found.values())
    checks = dict(market.execute("SELECT name, ok FROM chatrec.run_checks WHERE run = %s", (run.record.run,)))
    assert checks["exposure"]
    towns = market.execute("SELECT value, users, mean, low, high FROM chatrec.metric_by_attribute ORDER BY value")
    assert [town for town, *_ in towns] == ["Lima", "Oslo", "Rome"]
    assert all(users >= 10 and low <= mean <= high for _, users, mean, low, high in towns)


def test_a_run_outside_its_bounds_is_said_or_stopped(open_market: Settings, market: Shop) -> None:
    """A penalty that is too weak to give what is owed."""
    weak = fair(open_market, mode="penalty", strength=0.01, target="catalogue", share=1.0, max_loss=1.0)
    run = complete(weak)
    assert run.state == "published"
    ((ok, value, message),) = market.execute(
        "SELECT ok, value, message FROM chatrec.run_checks WHERE name = 'exposure' ORDER BY run DESC LIMIT 1"
    )
    assert ok
    assert value < 0.95
    assert message.startswith("Outside its bounds: ")
    with pytest.raises(RunStopped, match="of its owed exposure, the smallest share of 3 providers"):
        complete(fair(weak, stops=True))


@pytest.mark.parametrize("mode", ["mmr", "calibrated"])
def test_lists_are_varied_within_the_tolerated_loss(mode: str, open_market: Settings, market: Shop) -> None:
    counted = (
        complete(open_market.override({"diversity.mode": mode, "diversity.max_loss": 0.1})).results["rank"].diversity
    )
    assert counted.ndcg_gain >= -0.1
    assert counted.strength > 0
    assert len(market.lists()) == market.users * 5
    scores = np.array([row[4] for row in market.lists()]).reshape(-1, 5)
    assert np.isfinite(scores).all()


def test_a_wrong_name_is_said(open_market: Settings) -> None:
    with pytest.raises(SettingsError, match=r"fairness.audit names sex.*its columns are user_id, age, town"):
        complete(fair(open_market, audit=["sex"]))
    with pytest.raises(SettingsError, match=r"fairness: .*attribute is empty: name a column of source.items"):
        open_market.override({"fairness.mode": "penalty"})
    findings = {each.question: each for each in preflight(fair(open_market, attribute="sellr", audit=["sex"]))}
    assert not findings["fairness"].ok
    assert "fairness.attribute names sellr" in findings["fairness"].answer
    assert {each.question: each.ok for each in preflight(fair(open_market))}["fairness"]
