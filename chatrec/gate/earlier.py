"""A quantity of a run beside the same quantity of earlier runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from chatrec.config.publish import Checks as CheckSettings
from chatrec.gate.check import Check, unless

RUNS = 7
"""Number of published runs that a run is compared with."""


@dataclass(frozen=True)
class Earlier:
    """A quantity in earlier runs, as far as they recorded it."""

    live: float | None = None
    """Its value in the live run."""
    published: Sequence[float] = ()
    """Its values in the last published runs, the oldest first."""

    @classmethod
    def of(cls, live: float | None, published: Iterable[float | None]) -> "Earlier":
        """Leaves out runs that did not record the quantity."""
        return cls(live, tuple(value for value in published if value is not None))

    def since_allowed_loss(self, allowed: float) -> list[float]:
        """Returns the published values since the last one whose loss was too large: a person allowed that one."""
        values: list[float] = []
        for value in self.published:
            if values and loss(value, median(values)) > allowed:
                values.clear()
            values.append(value)
        return values


def loss(now: float, before: float) -> float:
    """Returns the loss as a share; negative for growth."""
    return 1 - now / before if before else 0.0


def judge_loss(
    name: str, now: float, earlier: Earlier, settings: CheckSettings, show: Callable[[float], str] = "{:,.10g}".format
) -> Iterator[Check]:
    """Yields the check of a quantity that must not fall, unless no earlier run recorded it.

    Args:
        name: Name of the check.
        now: Value in this run.
        earlier: Values in earlier runs.
        settings: Thresholds.
        show: Writes a value.
    """
    published, before = earlier.since_allowed_loss(settings.max_row_drop), {}
    if earlier.live:
        before["live"] = earlier.live
    if published and (usual := median(published)) and usual != earlier.live:
        before["in the median of the last published runs"] = usual
    if not before:
        return
    lost = max(loss(now, value) for value in before.values())
    compared = ", ".join(f"{show(value)} {words}" for words, value in before.items())
    yield Check(
        name, lost <= settings.max_row_drop, lost, settings.max_row_drop,
        f"{show(now)} in this run, {compared}: {lost:+.1%} lost, {settings.max_row_drop:.0%} allowed "
        f"(checks.max_row_drop).{unless(lost <= settings.warn_row_drop, 'warn_row_drop', settings)}",
        warned=lost > settings.warn_row_drop,
    )  # fmt: skip
