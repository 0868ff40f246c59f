"""The geometry of the plots: numbers in, coordinates out; the templates draw them as inline SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, MARGIN = 300, 90, 6
"""Of a line plot, in the units of its view box."""


@dataclass(frozen=True)
class Line:
    """A channel's values over the nights."""

    name: str
    points: str
    """As the attribute `points` of a polyline."""
    last: tuple[float, float]
    """Where the newest value is."""
    value: float


@dataclass(frozen=True)
class Plot:
    """One metric over the nights."""

    name: str
    lines: tuple[Line, ...]
    low: float
    high: float
    nights: int

    @property
    def words(self) -> str:
        """For those who do not see it."""
        newest = "; ".join(f"{line.name} {line.value:.4f}" for line in self.lines)
        return f"{self.name} over {self.nights} nights, from {self.low:.4f} to {self.high:.4f}; newest: {newest}"


def lines(name: str, values: Mapping[str, Sequence[float | None]]) -> Plot | None:
    """A line plot.

    Args:
        name: of the metric.
        values: of each channel, one a night, the oldest first; None where it was not measured.

    Returns:
        The plot, or None if nothing was measured.
    """
    known = [value for series in values.values() for value in series if value is not None]
    if not known:
        return None
    low, high, nights = min(known), max(known), max(map(len, values.values()))

    def place(night: int, value: float) -> tuple[float, float]:
        across = night / (nights - 1) if nights > 1 else 0.5
        up = (value - low) / (high - low) if high > low else 0.5
        return round(MARGIN + across * (WIDTH - 2 * MARGIN), 1), round(HEIGHT - MARGIN - up * (HEIGHT - 2 * MARGIN), 1)

    drawn = []
    for channel, series in values.items():
        places = [place(night, value) for night, value in enumerate(series) if value is not None]
        if places:
            newest = next(value for value in reversed(series) if value is not None)
            drawn.append(Line(channel, " ".join(f"{x},{y}" for x, y in places), places[-1], newest))
    return Plot(name, tuple(drawn), low, high, nights)


@dataclass(frozen=True)
class Bar:
    """A part of a whole, in per cent of its length."""

    start: float
    length: float


def bars(parts: Sequence[tuple[float, float]], whole: float = 0) -> list[Bar]:
    """Bars on a common scale.

    Args:
        parts: start and length of each.
        whole: the length of the scale; 0: where the last one ends.
    """
    whole = whole or max((start + length for start, length in parts), default=0) or 1
    return [Bar(round(100 * start / whole, 2), round(100 * length / whole, 2)) for start, length in parts]


def shares(parts: Mapping[str, float]) -> dict[str, Bar]:
    """Bars one after the other, the largest first."""
    ordered = sorted(parts.items(), key=lambda part: (-part[1], part[0]))
    found, start = {}, 0.0
    for name, share in ordered:
        found[name] = Bar(round(100 * start, 2), round(100 * share, 2))
        start += share
    return found
