"""The sequence net: losses against torch's own, windows that lose nothing, an order that only order can tell."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from chatrec.aigc import sequence
from chatrec.aigc.autoconfig import Plan, cached_rate, plan
from chatrec.aigc.batching import batches
from chatrec.aigc.net import NetConfig, SequenceNet
from chatrec.aigc.softmax import Members, full_softmax, group_softmax
from chatrec.aigc.state import AigcState, Fitted
from chatrec.aigc.users import SequenceUsers
from chatrec.config.aigc import AigcConfig
from chatrec.data.interactions import Interactions
from chatrec.models.ppmi_svd import ppmi_vectors
from tests.support.histories import histories, rounds
from tests.support.softmax import GROUP_OF, ITEMS, TARGETS, WEIGHTS, WIDTH, check, parts

SMALL = NetConfig(WIDTH, heads=2, window=6, dropout=0, token_dropout=0)


def test_the_full_softmax_is_torchs() -> None:
    a, b = parts(), parts()
    loss = full_softmax(a["hidden"], a["items"], a["bias"], TARGETS, WEIGHTS)
    logits = b["hidden"] @ b["items"].T + b["bias"]
    expected = (functional.cross_entropy(logits, TARGETS, reduction="none") * WEIGHTS).sum()
    check(loss, expected, a, b, ("hidden", "items", "bias"))


def test_the_two_levels_are_written_out() -> None:
    a, b = parts(), parts()
    loss = group_softmax(*a.values(), Members.of(GROUP_OF), TARGETS, WEIGHTS)
    attention = torch.log_softmax(b["hidden"] @ b["groups"].T + b["group_bias"], 1)
    logits = b["hidden"] @ b["items"].T + b["bias"]
    expected = torch.zeros(())
    for row, target in enumerate(TARGETS.tolist()):
        group = GROUP_OF[target]
        mine = torch.from_numpy(np.flatnonzero(group == GROUP_OF))
        within = logits[row, target] - torch.logsumexp(logits[row, mine], 0)
        expected = expected - WEIGHTS[row] * (attention[row, group] + within)
    check(loss, expected, a, b, tuple(a))


@pytest.mark.parametrize("two_levels", [False, True])
def test_rounded_products_are_near_the_exact_ones(two_levels: bool) -> None:
    gradients = []
    for precision in (torch.float32, torch.bfloat16):
        a = {name: each.detach().float().requires_grad_() for name, each in parts().items()}
        hidden, weights = a["hidden"].to(precision), WEIGHTS.float()
        if two_levels:
            others = [a[name] for name in ("items", "bias", "groups", "group_bias")]
            loss = group_softmax(hidden, *others, Members.of(GROUP_OF), TARGETS, weights)
        else:
            loss = full_softmax(hidden, a["items"], a["bias"], TARGETS, weights)
        loss.backward()
        assert loss.dtype == torch.float32
        gradients.append(torch.cat([loss.reshape(1), *(a[name].grad.ravel() for name in ("hidden", "items", "bias"))]))
    assert torch.allclose(*gradients, rtol=0.02, atol=0.05)
    assert not torch.equal(*gradients)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(1, 9), st.integers(1, 40), st.integers(0, 5))
def test_windows_read_every_event_with_a_successor_once(
    lengths: list[int], window: int, tokens: int, seed: int
) -> None:
    made = histories([[0] * length for length in lengths])
    found = list(batches(made, window, tokens, np.random.default_rng(seed)))
    read = np.concatenate([batch.positions[batch.mask] for batch in found] or [np.empty(0, int)])
    ends = {int(end) - 1 for end in made.starts[1:]}
    assert sorted(read.tolist()) == [event for event in range(len(made.items)) if event not in ends]
    for batch in found:
        assert batch.positions.shape[1] <= window
        for row, there in zip(batch.positions, batch.mask, strict=True):
            events = row[there]
            assert (np.diff(events) == 1).all()
            assert len(set(made.event_users[events].tolist())) == 1


def test_the_net_sees_no_later_event() -> None:
    torch.manual_seed(0)
    net = SequenceNet(SMALL).eval()
    vectors = torch.randn(1, 6, WIDTH)
    changed = vectors.clone()
    changed[:, 4:] = 9
    there = torch.ones(1, 6, dtype=torch.bool)
    assert torch.allclose(net(vectors, there)[:, :4], net(changed, there)[:, :4], atol=1e-5)
    assert not torch.allclose(net(vectors, there)[:, 4:], net(changed, there)[:, 4:], atol=1e-2)


def test_users_are_read_alike_alone_and_together() -> None:
    torch.manual_seed(0)
    encoder = SequenceUsers((SequenceNet(SMALL),))
    items = np.random.default_rng(0).normal(size=(ITEMS, WIDTH)).astype(np.float32)
    latest = np.array([[3, 2, 1, -1, -1, -1], [-1] * 6, [5, 4, 3, 2, 1, 0], [7, -1, -1, -1, -1, -1]])
    together = encoder.read(items, latest)
    for row in range(len(latest)):
        assert np.allclose(together[row], encoder.read(items, latest[row : row + 1])[0], atol=1e-5)
    assert not together[1].any()


def learned(
    folder: Path, before: Interactions, everything: Interactions, wanted: Plan, seed: int = 0, items: int = ITEMS
) -> tuple[Fitted, Fitted]:
    """Without measuring how fast this machine is."""
    cached_rate(folder / "rates.json", wanted, items, lambda: 1e6)
    return sequence.fit(before, everything, items, wanted, seed, 5.0, folder / "rates.json")


def fitted(folder: Path, groups: int, passes: float = 15, networks: int = 1) -> Fitted:
    return learned(folder, rounds(), rounds(), Plan(SMALL, (1.0,), 256, passes, groups, networks=networks))[1]


def state_of(made: Fitted) -> AigcState:
    profile = np.zeros((2, made.items.shape[1]), np.float32)
    return AigcState(made.items, made.bias, made.items[:2], profile, made.encoder, made.output)


@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize("groups", [0, 3])
def test_order_is_learned_by_either_output(tmp_path: Path, groups: int, networks: int) -> None:
    made = fitted(tmp_path, groups, networks=networks)
    assert (made.output is not None) == bool(groups)
    state = state_of(made)
    users = state.users(rounds().latest(np.arange(150), 6))
    last = rounds().items[rounds().starts[1:] - 1]
    logits = state.logits(users)
    assert (logits.argmax(1) == (last + 1) % ITEMS).mean() > 0.98
    assert np.allclose(np.exp(logits).sum(1), 1, atol=1e-3) or not groups  # two levels are probabilities
    products = state.queries(users) @ state.keys.T
    assert np.allclose(products, logits, atol=1e-3)
    state.save(tmp_path)
    loaded = AigcState.load(tmp_path)
    assert np.allclose(loaded.logits(loaded.users(rounds().latest(np.arange(9), 6))), logits[:9], atol=1e-4)


def test_the_same_seed_gives_the_same_vectors(tmp_path: Path) -> None:
    one, two = fitted(tmp_path, 3, passes=2), fitted(tmp_path, 3, passes=2)
    assert np.array_equal(one.items, two.items)


@pytest.mark.parametrize("groups", [0, 3])
def test_logits_of_joined_nets_are_the_mean_of_theirs(tmp_path: Path, groups: int) -> None:
    wanted = Plan(SMALL, (1.0,), 256, 2, groups)
    alone = [learned(tmp_path, rounds(), rounds(), wanted, seed)[1] for seed in (0, 1)]
    if groups:
        assert alone[0].output is not None
        alone[1] = replace(alone[1], output=replace(alone[0].output, vectors=-alone[0].output.vectors))
    latest = rounds().latest(np.arange(9), 6)

    def logits(made: Fitted) -> tuple[np.ndarray, np.ndarray | None]:
        users = made.encoder.read(made.items, latest)
        output = made.output
        return users @ made.items.T + made.bias, None if output is None else users @ output.vectors.T + output.bias

    (items, of_groups), (others, of_other_groups) = map(logits, alone)
    together = sequence.joined(alone)
    joined_items, of_joined_groups = logits(together)
    assert not np.allclose(items, others, atol=0.1)
    assert np.allclose((items + others) / 2, joined_items, atol=1e-5)
    if groups:
        assert of_groups is not None
        assert of_other_groups is not None
        assert of_joined_groups is not None
        assert np.allclose((of_groups + of_other_groups) / 2, of_joined_groups, atol=1e-5)
        users = together.encoder.read(together.items, latest)
        assert np.allclose(np.exp(state_of(together).logits(users)).sum(1), 1)
    else:
        assert of_joined_groups is None


def test_nets_are_as_many_as_have_the_time_for_all_their_passes(tmp_path: Path) -> None:
    wanted = Plan(SMALL, (1.0,), 512, 2, 0, networks=3)
    rate = cached_rate(tmp_path / "rates.json", wanted, ITEMS, lambda: 1000)
    positions = 2 * int((rounds().lengths - 1).sum()) * 1.25
    for networks, time in ((1, 0.5), (1, 1.9), (2, 2.1), (3, 3.1), (3, 9)):
        minutes = time * positions / rate / 60
        for made in sequence.fit(rounds(), rounds(), ITEMS, wanted, 0, minutes, tmp_path / "rates.json"):
            assert made.items.shape == (ITEMS, networks * WIDTH)
            assert made.encoder.read(made.items, rounds().latest(np.arange(2), 6)).shape == (2, networks * WIDTH)


def test_time_ends_learning_and_the_rate_is_remembered(tmp_path: Path) -> None:
    wanted = Plan(SMALL, (1.0,), 64, 1e6, 0)
    rate = cached_rate(tmp_path / "rates.json", wanted, ITEMS, lambda: 1234.5)
    assert rate == cached_rate(tmp_path / "rates.json", wanted, ITEMS, lambda: 1 / 0)
    _, made = sequence.fit(rounds(), rounds(), ITEMS, wanted, 0, 1 / 60, tmp_path / "rates.json")
    assert made.read == pytest.approx(rate, abs=2 * 64)
    assert made.losses[-1][0] == made.read


def test_without_time_vectors_stay_where_they_start(tmp_path: Path) -> None:
    wanted = Plan(SMALL, (1.0,), 64, 20, 0)
    _, made = sequence.fit(rounds(), rounds(), ITEMS, wanted, 0, 0, tmp_path / "rates.json")
    assert np.array_equal(made.items, ppmi_vectors(rounds(), ITEMS, WIDTH, 0))
    assert made.read == 0
    assert not (tmp_path / "rates.json").exists()


def test_only_what_goes_on_knows_the_held_out_events(tmp_path: Path) -> None:
    """The last event of each user is held out; it always is item 0, which is never taken before."""
    random = np.random.default_rng(0)
    before = [random.integers(1, ITEMS, 8).tolist() for _ in range(150)]
    left, everything = histories(before), histories([[*each, 0] for each in before])
    wanted = Plan(SMALL, (1.0,), 256, 80, 0)
    unaware, _ = learned(tmp_path, left, left, wanted)
    weighed, final = learned(tmp_path, left, everything, wanted)
    assert np.array_equal(unaware.items, weighed.items)

    def expected(made: Fitted) -> float:
        logits = made.encoder.read(made.items, left.latest(np.arange(150), 6)) @ made.items.T + made.bias
        return float((np.exp(logits[:, 0]) / np.exp(logits).sum(1)).mean())

    assert expected(final) > 2 * expected(weighed)


def test_start_vectors_know_who_follows_whom() -> None:
    """Two worlds that never meet: neighbours of an item are of its own."""
    random = np.random.default_rng(0)
    made = histories([(random.permutation(6) + 6 * (user % 2)).tolist() for user in range(80)])
    vectors = ppmi_vectors(made, ITEMS, WIDTH, 0)
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    assert (likeness.argmax(1) // 6 == np.arange(ITEMS) // 6).all()
    assert vectors.std() == pytest.approx(0.05, rel=0.01)


def test_plans_follow_the_size_and_the_target() -> None:
    settings = AigcConfig()
    long, short = histories([[0, 1] * 20] * 9), histories([[0, 1]] * 9)
    assert plan(long, 100, settings, "next_item").groups == 0
    assert plan(long, 10_000, settings, "next_item").groups == 100
    assert plan(short, 100, settings, "next_period").passes < plan(long, 100, settings, "next_period").passes
    assert plan(long, 100, settings, "random").passes < plan(short, 100, settings, "next_item").passes
    chosen = AigcConfig(width=32, epochs=9, history=9, output="groups")
    assert plan(short, 100, chosen, "random").shape.window == 9
    assert plan(short, 100, chosen, "random").passes == 9


@pytest.mark.parametrize("of_users", [[[], []], [[3], [4]], [[0, 0]]])
def test_with_nothing_to_learn_there_are_vectors_all_the_same(tmp_path: Path, of_users: list[list[int]]) -> None:
    for items in (1, 5) if of_users[0] != [3] else (5,):
        _, made = learned(
            tmp_path, histories(of_users), histories(of_users), Plan(SMALL, (1.0,), 64, 2, 2), items=items
        )
        assert made.items.shape == (items, WIDTH)
        assert np.isfinite(made.items).all()


def test_the_rate_of_this_machine_is_measured_once(tmp_path: Path) -> None:
    wanted = Plan(SMALL, (1.0,), 64, 1, 0)
    sequence.fit(rounds(), rounds(), ITEMS, wanted, 0, 5.0, tmp_path / "rates.json")
    assert cached_rate(tmp_path / "rates.json", wanted, ITEMS, lambda: 1 / 0) > 0
