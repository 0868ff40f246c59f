"""`chatrec privacy`: what was spent, what one more would make it, and what privacy costs, as a plot."""

from collections.abc import Callable

from chatrec.config import Settings
from chatrec.pipeline import RunOptions
from tests.support.finished import complete, migrate
from tests.support.processes import Chatrec
from tests.support.shop import Shop

DOWN = {"CHATREC_DATABASE__URL": "postgresql://nobody@127.0.0.1:9/nothing"}


def test_what_was_spent_and_what_it_costs(chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]) -> None:
    settings = configure(**{"privacy.enabled": True, "privacy.budget": 5, "ranking.target": "next_item"})
    migrate(settings)
    code, out, err = chatrec("privacy")
    assert code == 0, err
    assert out.splitlines() == [
        "Nothing has been released yet.",
        "Spent: ε 0.000 of 5 at δ 1e-06. One more release at ε 2 would make it 2.000.",
    ]
    key = complete(settings).key
    code, out, err = chatrec("privacy")
    assert code == 0, err
    header, row, last = out.splitlines()
    assert header.split() == ["run", "made", "ε", "δ", "deviation", "total", "ε", "runs", "mechanism"]
    assert row.startswith(key)
    assert "2.000" in row
    assert last == "Spent: ε 2.000 of 5 at δ 1e-06. One more release at ε 2 would make it 2.930."

    file = settings.artifacts.root / "curve.png"
    arguments = ("privacy", "--curve", str(file), "--epsilon", "8", "--epsilon", "0.5")
    code, out, err = chatrec(*arguments, **DOWN)
    assert code == 0, err
    assert file.read_bytes().startswith(b"\x89PNG")
    rows = [line.split()[0] for line in out.splitlines()]
    assert rows[:5] == ["ε", "0.5", "8", "EASE,", "popularity,"]
    assert f"of run {key}, target next" in out
    assert "is not private" in out
    again = file.with_name("again.png")
    assert chatrec("privacy", "--curve", str(again), "--epsilon", "8", "--epsilon", "0.5", **DOWN)[0] == 0
    assert again.read_bytes() == file.read_bytes()


def test_evaluations_honour_the_section(chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]) -> None:
    settings = configure(**{"privacy.enabled": True, "ranking.target": "next_item"})
    migrate(settings)
    complete(settings, options=RunOptions(dry_run=True))
    code, out, err = chatrec("evaluate", **DOWN)
    assert code == 0, err
    systems = {line[:20].strip() for line in out.splitlines()[1:-1]}
    assert {"ensemble", "private_ease", "content_knn_features", "popularity"} <= systems
    assert not {"ease", "ials", "markov"} & systems
