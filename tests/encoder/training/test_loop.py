"""The loop: rates, accumulation, early stopping, checkpoints, precision."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chatrec.encoder.training import loop
from chatrec.encoder.training.loop import Objective, Plan, fit, rate_at
from chatrec.encoder.training.next_token import shuffled
from chatrec.errors import RunError


class Point(Objective):
    """A number that comes near the aims of its batches; held-out items want another one."""

    def __init__(self, aims: list[float], wanted: float | None = None) -> None:
        super().__init__()
        self.aims, self.wanted = aims, wanted
        self.place = torch.nn.Parameter(torch.zeros(1))
        self.read: list[int] = []

    def forward(self, number: int) -> torch.Tensor:
        self.read.append(number)
        return (self.place - self.aims[number % len(self.aims)]).square().sum()

    def held_out(self) -> float | None:
        return None if self.wanted is None else (self.place - self.wanted).abs().item()


def test_early_stopping_takes_the_best_weights(tmp_path: Path) -> None:
    point = Point([3.0], wanted=1.0)
    curve = fit(point, Plan(400, 0.02, 0, eval_every=5, patience=3), tmp_path, "", "test")
    best, loss = curve.best
    assert 0 < best < len(curve.loss) < 400
    assert len(curve.loss) == best + 3 * 5
    assert loss < 0.1
    assert point.held_out() == pytest.approx(loss)


def test_without_held_out_items_the_last_weights_stay(tmp_path: Path) -> None:
    point = Point([3.0])
    curve = fit(point, Plan(400, 0.05, 0, eval_every=5, patience=3), tmp_path, "", "test")
    assert len(curve.loss) == 400
    assert point.place.item() == pytest.approx(3, abs=0.05)


def test_accumulated_batches_are_one_larger_batch(tmp_path: Path) -> None:
    two, one = Point([1.0, 5.0]), Point([3.0])
    fit(two, Plan(20, 0.1, 0, accumulate=2), tmp_path / "two", "", "test")
    fit(one, Plan(20, 0.1, 0), tmp_path / "one", "", "test")
    assert two.place.item() == pytest.approx(one.place.item(), abs=1e-5)
    assert two.read == list(range(40))


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    plan = Plan(10, 0.1, 0)
    fit(Point([1.0]), plan, tmp_path, "data", "test")
    again = Point([1.0])
    fit(again, plan, tmp_path, "data", "test")
    assert again.read == []
    assert again.place.item() != 0


@pytest.mark.parametrize(("plan", "data"), [(Plan(10, 0.2, 0), "data"), (Plan(10, 0.1, 0), "other data")])
def test_a_checkpoint_of_another_training_is_not_gone_on_with(tmp_path: Path, plan: Plan, data: str) -> None:
    fit(Point([1.0]), Plan(10, 0.1, 0), tmp_path, "data", "test")
    other = Point([1.0])
    fit(other, plan, tmp_path, data, "test")
    assert other.read == list(range(10))


@pytest.mark.parametrize("name", [loop.STATE, loop.BEST])
@pytest.mark.parametrize("data", [b"", b"no checkpoint", None])
def test_a_training_with_a_damaged_checkpoint_begins_again(tmp_path: Path, name: str, data: bytes | None) -> None:
    plan = Plan(10, 0.1, 0, eval_every=5)
    first, again = Point([1.0], wanted=2.0), Point([1.0], wanted=2.0)
    fit(first, plan, tmp_path, "data", "test")
    (file,) = tmp_path.glob(f"{Path(name).stem}.*")
    flipped = bytearray(file.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    file.write_bytes(flipped if data is None else data)
    fit(again, plan, tmp_path, "data", "test")
    assert again.read == list(range(10))
    assert again.place.item() == first.place.item()


def test_a_loss_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="The loss of step 1 is nan: train with a lower learning rate"):
        fit(Point([float("nan")]), Plan(10, 0.1, 0), tmp_path, "", "test")


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_learns_and_keeps_float32_weights(tmp_path: Path, precision: str) -> None:
    class Line(Point):
        def __init__(self) -> None:
            super().__init__([])
            self.layer = torch.nn.Linear(4, 1)
            self.seen: set[torch.dtype] = set()

        def forward(self, number: int) -> torch.Tensor:
            x = torch.randn(32, 4)
            y = self.layer(x)
            self.seen.add(y.dtype)
            return (y.float() - x.sum(1, keepdim=True)).square().mean() + 0 * self.place.sum()

    torch.manual_seed(0)
    line = Line()
    curve = fit(line, Plan(200, 0.05, 0, precision=precision), tmp_path, "", "test")  # type: ignore[arg-type]
    assert curve.loss[-1] < 0.05 * curve.loss[0]
    assert line.seen == {getattr(torch, precision)}
    assert line.layer.weight.dtype == torch.float32


@pytest.mark.parametrize(("has_it", "chosen"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_cpu_trains_in_bfloat16_if_it_has_it(
    monkeypatch: pytest.MonkeyPatch, has_it: bool, chosen: torch.dtype
) -> None:
    monkeypatch.setattr(loop, "has_bfloat16", lambda: has_it)
    assert loop.mixed_precision(torch.device("cpu"), "auto") is chosen


@given(st.integers(1, 2000), st.floats(1e-6, 1))
def test_the_rate_rises_to_the_plans_and_falls_to_zero(steps: int, peak: float) -> None:
    rates = [rate_at(step, Plan(steps, peak, 0)) for step in range(steps)]
    top = rates.index(max(rates))
    assert 0 < max(rates) <= peak
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rate_at(steps, Plan(steps, peak, 0)) == pytest.approx(0, abs=1e-12)


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5))
def test_every_row_comes_once_before_any_comes_again(count: int, batch: int, seed: int) -> None:
    batch = min(batch, count)
    rows = [row for number in range(7) for row in shuffled(count, batch, number, seed)]
    for start in range(0, len(rows) - count + 1, count):
        assert sorted(rows[start : start + count]) == list(range(count))
