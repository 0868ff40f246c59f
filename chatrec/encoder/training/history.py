"""The learning curve of a training: as numbers, as a plot, and as a line for a task's log."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from chatrec.runs.results import TrainingSummary

BARS = "▁▂▃▄▅▆▇█"
WIDTH_OF_LINE = 30
POINTS = 200
"""Maximum points of the plot; losses are averaged in between."""


@dataclass
class Curve:
    """Losses of a training so far."""

    loss: list[float] = field(default_factory=list)
    """Training loss of each step, in nats."""
    held_out: list[tuple[int, float]] = field(default_factory=list)
    """Evaluations: the number of steps so far, and the loss on held-out items."""

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Curve":
        """Create a curve from the result of `asdict`."""
        return cls(list(values["loss"]), [(int(step), float(loss)) for step, loss in values["held_out"]])

    @property
    def best(self) -> tuple[int, float]:
        """The first step with the lowest loss on held-out items, and that loss."""
        return min(self.held_out, key=lambda evaluation: evaluation[1])

    @property
    def evaluations_since_best(self) -> int:
        """Number of evaluations since the best one."""
        return len(self.held_out) - 1 - self.held_out.index(self.best) if self.held_out else 0

    @property
    def note(self) -> str:
        """The latest losses as text."""
        words = [f"loss {self.loss[-1]:.3f}"] if self.loss else []
        if self.held_out:
            step, loss = self.best
            words.append(f"held-out {self.held_out[-1][1]:.3f}, best {loss:.3f} at step {step}")
        return ", ".join(words)

    def summary(self) -> TrainingSummary:
        """Summary for the record of a training."""
        summary = TrainingSummary(len(self.loss))
        if self.loss:
            summary = replace(summary, first_loss=round(self.loss[0], 3), last_loss=round(self.loss[-1], 3))
        if self.held_out:
            (step, loss), start = self.best, self.held_out[0][1]
            summary = replace(
                summary, best_step=step, holdout_loss=round(loss, 4), holdout_loss_at_start=round(start, 4)
            )
        return summary

    def line(self) -> str:
        """The loss as a row of bars, for a log."""
        means = _means(self.loss, WIDTH_OF_LINE)
        low, high = (min(means), max(means)) if means else (0.0, 0.0)
        bars = "".join(BARS[int((mean - low) / max(high - low, 1e-9) * (len(BARS) - 1))] for mean in means)
        return f"{bars} {self.note}"

    def save(self, folder: Path, name: str) -> None:
        """Write `<name>.json` and `<name>.png`."""
        (folder / f"{name}.json").write_text(json.dumps(asdict(self)), encoding="utf-8")
        (folder / f"{name}.png").write_bytes(self.png())

    def png(self) -> bytes:
        """The curve as a PNG. matplotlib is imported only here."""
        from matplotlib.figure import Figure

        figure = Figure((4.8, 3.2), 200, layout="constrained")
        axes = figure.add_subplot()
        axes.grid(color="#d6dbe1", linewidth=0.6)
        axes.spines[:].set_visible(False)
        means = _means(self.loss, POINTS)
        axes.plot([(n + 0.5) * len(self.loss) / len(means) for n in range(len(means))], means, "#93a4b8", label="loss")
        if self.held_out:
            steps, losses = zip(*self.held_out, strict=True)
            axes.plot(steps, losses, color="#0b62d6", marker="o", markersize=3.5, label="held-out items")
            axes.axvline(self.best[0], color="#d9730d", linewidth=1, label="taken")
        axes.set_xlabel("steps", fontsize=8)
        axes.set_ylabel("loss, nats", fontsize=8)
        axes.tick_params(labelsize=8, length=0)
        axes.legend(fontsize=8, frameon=False)
        picture = BytesIO()
        figure.savefig(picture, format="png", metadata={"Software": None})
        return picture.getvalue()


def _means(values: Sequence[float], most: int) -> list[float]:
    """Means of consecutive values, at most `most` of them."""
    size = max(1, -(-len(values) // most))
    parts = [values[start : start + size] for start in range(0, len(values), size)]
    return [sum(part) / len(part) for part in parts]
