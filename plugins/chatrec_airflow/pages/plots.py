"""Geometry of the plots, which the templates draw as inline SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, MARGIN = 300, 90, 6
"""Size of a line plot, in the units of its view box."""


@dataclass(frozen=True)
class Line:
    """Values of a model over runs."""

    name: str
    points: str
    """Attribute `points` of a polyline."""
    last: tuple[float, float]
    """Coordinates of the newest value."""
    value: float


@dataclass(frozen=True)
class Plot:
    """A metric over runs."""

    name: str
    lines: tuple[Line, ...]
    low: float
    high: float
    runs: int

    @property
    def words(self) -> str:
        """Text alternative of the plot."""
        newest = "; ".join(f"{line.name} {line.value:.4f}" for line in self.lines)
        return f"{self.name} over {self.runs} runs, from {self.low:.4f} to {self.high:.4f}; newest: {newest}"


def lines(name: str, values: Mapping[str, Sequence[float | None]]) -> Plot | None:
    """Create a line plot.

    Args:
        name: Name of the metric.
        values: Values of each model, one per run, the oldest first; None where it was not measured.

    Returns:
        The plot, or None if there are no values.
    """
    measured = [value for series in values.values() for value in series if value is not None]
    if not measured:
        return None
    low, high, runs = min(measured), max(measured), max(map(len, values.values()))

    def place(run: int, value: float) -> tuple[float, float]:
        across = run / (runs - 1) if runs > 1 else 0.5
        up = (value - low) / (high - low) if high > low else 0.5
        return round(MARGIN + across * (WIDTH - 2 * MARGIN), 1), round(HEIGHT - MARGIN - up * (HEIGHT - 2 * MARGIN), 1)

    drawn = []
    for model, series in values.items():
        points = [place(run, value) for run, value in enumerate(series) if value is not None]
        if points:
            newest = next(value for value in reversed(series) if value is not None)
            drawn.append(Line(model, " ".join(f"{x},{y}" for x, y in points), points[-1], newest))
    return Plot(name, tuple(drawn), low, high, runs)


@dataclass(frozen=True)
class Bar:
    """A part of a whole, in percent of its length."""

    start: float
    length: float


def bars(parts: Sequence[tuple[float, float]], whole: float = 0) -> list[Bar]:
    """Create bars on a common scale.

    Args:
        parts: Start and length of each bar.
        whole: Length of the scale; 0 stands for the end of the last bar.
    """
    whole = whole or max((start + length for start, length in parts), default=0) or 1
    return [Bar(round(100 * start / whole, 2), round(100 * length / whole, 2)) for start, length in parts]


def shares(parts: Mapping[str, float]) -> dict[str, Bar]:
    """Create consecutive bars, the largest first."""
    ordered = sorted(parts.items(), key=lambda part: (-part[1], part[0]))
    placed, start = {}, 0.0
    for name, share in ordered:
        placed[name] = Bar(round(100 * start, 2), round(100 * share, 2))
        start += share
    return placed
