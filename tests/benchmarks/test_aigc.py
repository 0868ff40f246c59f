"""The output layers that AIGC is compared with: their losses written out, what they draw, what they can learn."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from benchmarks import aigc, aigc_growth, outputs
from chatrec.aigc.autoconfig import Plan
from chatrec.aigc.net import NetConfig
from chatrec.aigc.sequence import ppmi_vectors
from chatrec.aigc.softmax import Members, full_softmax, group_softmax
from chatrec.evaluation.holdout import hold_out
from tests.support import toy
from tests.support.histories import rounds
from tests.support.softmax import GROUP_OF, ITEMS, TARGETS, WEIGHTS, WIDTH, check, parts

EVALKIT = os.environ.get("CHATREC_EVALKIT")
SHARES = np.arange(1.0, ITEMS + 1) / np.arange(1.0, ITEMS + 1).sum()
START = np.random.default_rng(0).normal(size=(ITEMS, WIDTH)).astype(np.float32)
USERS = np.random.default_rng(1).normal(size=(7, WIDTH)).astype(np.float32)


def made(output: type[outputs.Full]) -> outputs.Full:
    return output(START, SHARES, GROUP_OF, 0)


def in_groups() -> tuple[torch.Tensor, list[int], torch.Tensor, torch.Tensor]:
    """The order of positions by group, how many each group has, and all members of each group, each once."""
    order = torch.argsort(torch.from_numpy(GROUP_OF)[TARGETS], stable=True)
    members = [np.flatnonzero(group == GROUP_OF) for group in range(3)]
    widest = max(map(len, members))
    drawn = torch.tensor([[*rows, *[0] * (widest - len(rows))] for rows in members])
    expected = torch.tensor([[0.0] * len(rows) + [torch.inf] * (widest - len(rows)) for rows in members]).double()
    return order, np.bincount(GROUP_OF[TARGETS]).tolist(), drawn, expected


def test_a_sample_of_all_items_is_the_full_softmax() -> None:
    a, b = parts(), parts()
    everything = torch.arange(ITEMS), torch.zeros(ITEMS).double()
    loss = outputs.sampled_loss(a["hidden"], a["items"], a["bias"], TARGETS, WEIGHTS, *everything)
    expected = full_softmax(b["hidden"], b["items"], b["bias"], TARGETS, WEIGHTS)
    check(loss, expected, a, b, ("hidden", "items", "bias"))


def test_a_sample_of_all_members_is_the_softmax_of_two_levels() -> None:
    a, b = parts(), parts()
    order, counts, drawn, log_counts = in_groups()
    group = torch.from_numpy(GROUP_OF)[TARGETS]
    top = full_softmax(a["hidden"], a["groups"], a["group_bias"], group, WEIGHTS)
    layers = a["hidden"][order], a["items"], a["bias"]
    loss = top + outputs.loss_in_groups(*layers, TARGETS[order], WEIGHTS[order], counts, drawn, log_counts)
    expected = group_softmax(*b.values(), Members.of(GROUP_OF), TARGETS, WEIGHTS)
    check(loss, expected, a, b, tuple(a))


def test_gradients_of_samples() -> None:
    layers = [parts()[name] for name in ("hidden", "items", "bias")]
    drawn, expected = torch.tensor([1, 4, 4, 9, 0]), torch.tensor([0.3, -1, -1, 0.1, 2]).double()
    assert gradcheck(lambda *three: outputs.sampled_loss(*three, TARGETS, WEIGHTS, drawn, expected), layers)
    order, counts, _, _ = in_groups()
    of_groups = torch.tensor([[0, 3], [1, 1], [2, 8]]), torch.tensor([[0.5, 0], [-1, -1], [0, 1]]).double()
    rows = TARGETS[order], WEIGHTS[order]
    assert gradcheck(lambda h, *two: outputs.loss_in_groups(h[order], *two, *rows, counts, *of_groups), layers)


def test_where_only_the_target_was_drawn_there_is_nothing_to_learn() -> None:
    layers = [parts()[name] for name in ("hidden", "items", "bias")]
    drawn, expected = torch.tensor([5, 5]), torch.zeros(2).double()
    loss = outputs.sampled_loss(*layers, torch.full((40,), 5), WEIGHTS, drawn, expected)
    loss.backward()
    assert loss.item() == 0
    assert all(not layer.grad.any() for layer in layers)


def test_items_are_drawn_as_often_as_expected() -> None:
    one, two = made(outputs.Sampled), made(outputs.SampledInGroups)
    groups = np.array([0, 2])
    check_counts(one.draw, np.ones(ITEMS, bool))
    check_counts(lambda: two.draw(groups), np.isin(GROUP_OF, groups))
    drawn, _ = two.draw(groups)
    assert (GROUP_OF[drawn.numpy()] == groups[:, None]).all()


def check_counts(draw: Callable[[], tuple[torch.Tensor, torch.Tensor]], possible: np.ndarray) -> None:
    draws = 400
    counts, expected = np.zeros(ITEMS), np.zeros(ITEMS)
    for _ in range(draws):
        drawn, logs = draw()
        np.add.at(counts, drawn.numpy().ravel(), 1)
        expected[drawn.numpy().ravel()] = np.exp(logs.numpy().ravel())
    assert ((counts > 0) == possible).all()
    assert counts / draws == pytest.approx(expected, rel=0.05)


def test_two_levels_are_scored_as_chatrec_scores_them() -> None:
    layer = made(outputs.TwoLevels)
    scores = torch.from_numpy(layer.scores(USERS))
    assert scores.exp().sum(1).numpy() == pytest.approx(np.ones(len(USERS)), abs=1e-4)
    targets, weights = torch.arange(len(USERS)), torch.ones(len(USERS))
    loss = layer.loss(torch.from_numpy(USERS), targets, weights)
    assert loss.item() == pytest.approx(-scores[targets, targets].sum().item(), rel=1e-4)


def test_groups_alone_divide_by_popularity() -> None:
    shares = np.exp(made(outputs.GroupsOnly).scores(USERS))
    assert shares.sum(1) == pytest.approx(np.ones(len(USERS)), abs=1e-4)
    for group in range(3):
        mine = group == GROUP_OF
        within = shares[:, mine] / shares[:, mine].sum(1, keepdims=True)
        assert within == pytest.approx(np.tile(SHARES[mine] / SHARES[mine].sum(), (len(USERS), 1)), rel=1e-3)


def test_shuffled_groups_keep_their_sizes() -> None:
    mixed = aigc.shuffled(GROUP_OF, 0)
    assert np.bincount(mixed).tolist() == np.bincount(GROUP_OF).tolist()
    assert (mixed != GROUP_OF).any()


LAYERS = (outputs.Full, outputs.TwoLevels, outputs.GroupsOnly, outputs.Sampled, outputs.SampledInGroups)


@pytest.mark.parametrize("output", LAYERS)
def test_every_layer_learns_from_rounded_vectors(output: type[outputs.Full]) -> None:
    hidden = torch.randn(len(TARGETS), WIDTH).bfloat16().requires_grad_()
    loss = made(output).loss(hidden, TARGETS, WEIGHTS.float())
    loss.backward()
    assert loss.isfinite()
    assert hidden.grad is not None
    assert hidden.grad.isfinite().all()


@pytest.fixture(scope="module")
def work() -> aigc.Work:
    """Everybody goes round the items: the last one tells the next."""
    holdout = hold_out(rounds(), np.ones(ITEMS, bool), False, "next_item", 0)
    shape = NetConfig(WIDTH, heads=2, window=6, dropout=0, token_dropout=0)
    return aigc.Work(
        holdout, Plan(shape, (1.0,), 256, 1, 3), ppmi_vectors(holdout.histories, ITEMS, WIDTH, 0), SHARES, GROUP_OF
    )


@pytest.mark.parametrize("variant", list(aigc.VARIANTS))
def test_what_each_variant_can_learn(variant: str, work: aigc.Work) -> None:
    learned = aigc.VARIANTS[variant](work, 20, 0)
    quality = learned.ndcg(work.holdout).mean()
    knows_order = variant not in ("groups only", aigc.ORIGINAL)
    assert (quality > 0.9) == knows_order, quality
    assert learned.events == pytest.approx(20 * work.events, rel=0.01)
    assert learned.seconds > 0


def test_the_table_compares_with_two_levels(work: aigc.Work) -> None:
    rows = {row[0]: row for row in aigc.compare(work, 0, 0.05)}
    assert list(rows) == list(aigc.VARIANTS)
    assert rows[aigc.TWO_LEVELS][2] == ""
    assert all(
        re.fullmatch(r"[+-]\d\.\d{4} \[[+-]\d\.\d{4}, [+-]\d\.\d{4}\]", row[2]) for row in list(rows.values())[1:]
    )
    assert all(float(row[3]) > 0 for row in rows.values())


@pytest.mark.parametrize("output", list(aigc_growth.OUTPUTS))
def test_every_output_has_a_rate(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aigc_growth, "TOKENS", 256)
    assert min(aigc_growth.rates(aigc_growth.OUTPUTS[output], 30)) > 0


@pytest.mark.slow
def test_a_cell_says_its_rates_or_why_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch(r"[\d,]+ · [\d,]+ · \d\.\d GB", aigc_growth._cell("two levels", 50))
    monkeypatch.setattr(aigc_growth, "SECONDS", 0.5)
    assert aigc_growth._cell("two levels", 50) == "– (over 0.5 s)"


@pytest.mark.skipif(not EVALKIT, reason="CHATREC_EVALKIT names no evalkit.py")
def test_the_scoreboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.write_data(tmp_path / "data" / "movielens-100k")
    arguments = ["--data", tmp_path / "data", "--evalkit", EVALKIT, "--only", "movielens-100k", "--epochs", 1]
    arguments += ["--seconds", 0.1, "--out", tmp_path / "a.md"]
    monkeypatch.setattr(
        sys, "argv", ["aigc", *map(str, arguments), "--seconds", "0.1", "--out", str(tmp_path / "a.md")]
    )
    aigc.main()
    written = (tmp_path / "a.md").read_text()
    assert written.count("### movielens-100k: 40 items, 6 groups, 60 held-out users") == 2
    assert all(written.count(f"| {name} |") == 2 for name in aigc.VARIANTS)
