"""Plots of a report, for light and dark pages. matplotlib is imported only for drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from chatrec.ensemble.choice import ENSEMBLE
from chatrec.evaluation.metrics import Interval
from chatrec.models.labels import label
from chatrec.models.registry import POPULARITY
from chatrec.report.compared_models import RECENT
from chatrec.report.results import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, ROW = 4.8, 3.2, 0.24
"""Size in inches, narrow enough to be readable on a phone."""
DPI = 200


@dataclass(frozen=True)
class Theme:
    """Colours."""

    paper: str
    ink: str
    faint: str
    model: str
    of_systems: dict[str, str]

    def of(self, system: str) -> str:
        """Returns the colour of a model."""
        return self.of_systems.get(system, self.model)


LIGHT = Theme(
    "#ffffff", "#1f2328", "#d6dbe1", "#93a4b8", {ENSEMBLE: "#0b62d6", POPULARITY: "#d9730d", RECENT: "#8a5a00"}
)
DARK = Theme(
    "#161b22", "#e6edf3", "#3d444d", "#74879c", {ENSEMBLE: "#58a6ff", POPULARITY: "#f0963c", RECENT: "#d4b45f"}
)
STYLES = {ENSEMBLE: "-", POPULARITY: "--", RECENT: ":"}


@dataclass(frozen=True)
class Plot:
    """One plot."""

    name: str
    """File name without suffix."""
    title: str
    caption: str
    words: str
    """Alternative text."""
    draw: Callable[[Axes, Theme], None]
    rows: int = 0
    """Number of rows that need space; 0 for the usual height."""

    def png(self, theme: Theme) -> bytes:
        """Returns the plot as PNG."""
        from matplotlib.figure import Figure

        figure = Figure((WIDTH, ROW * self.rows + 0.8 if self.rows else HEIGHT), DPI, layout="constrained")
        figure.set_facecolor(theme.paper)
        axes = figure.add_subplot()
        axes.set_facecolor(theme.paper)
        axes.tick_params(colors=theme.ink, labelsize=8, length=0)
        axes.grid(color=theme.faint, linewidth=0.6, axis="x" if self.rows else "both")
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
        self.draw(axes, theme)
        for axis in (axes.xaxis, axes.yaxis):
            axis.label.set(color=theme.ink, fontsize=8)
        if legend := axes.get_legend():
            for text in legend.get_texts():
                text.set_color(theme.ink)
        picture = BytesIO()
        figure.savefig(picture, format="png", metadata={"Software": None})
        return picture.getvalue()


def plots(evaluation: Evaluation) -> Iterator[Plot]:
    """Yields all plots for which there are numbers."""
    yield _models(evaluation)
    if evaluation.without:
        yield _without(evaluation)
    yield _lengths(evaluation)
    yield _exposure(evaluation)
    if evaluation.learning:
        yield _learning(evaluation.learning)


def _models(evaluation: Evaluation) -> Plot:
    def draw(axes: Axes, theme: Theme) -> None:
        _bars(axes, theme, evaluation.ndcg)
        axes.set_xlabel("NDCG@10")
        axes.set_xlim(left=0)

    words = ", ".join(f"{label(name)} {value[0]:.4f}" for name, value in evaluation.ndcg.items())
    caption = "NDCG@10 of each model alone, of their ensemble and of popularity; the lines are 95 % intervals."
    return Plot("models", "Models and their ensemble", caption, f"NDCG@10: {words}.", draw, len(evaluation.ndcg))


def _without(evaluation: Evaluation) -> Plot:
    losses = dict(sorted(evaluation.without.items(), key=lambda pair: -pair[1][0]))

    def draw(axes: Axes, theme: Theme) -> None:
        _bars(axes, theme, losses)
        axes.set_xlabel("loss of NDCG@10")
        axes.axvline(0, color=theme.ink, linewidth=0.8)

    words = ", ".join(f"{label(name)} {value[0]:+.4f}" for name, value in losses.items())
    caption = (
        "Loss of the ensemble without a model, with the weights of the others unchanged; the lines are 95 % "
        "intervals, paired by user."
    )
    return Plot(
        "without", "The ensemble without a model", caption, f"Loss of NDCG@10 without {words}.", draw, len(losses)
    )


def _bars(axes: Axes, theme: Theme, values: Mapping[str, Interval]) -> None:
    names = list(values)
    means, lows, highs = zip(*values.values(), strict=True)
    heights = range(len(names))
    axes.barh(heights, means, color=[theme.of(name) for name in names], height=0.7)
    axes.hlines(heights, lows, highs, color=theme.ink, linewidth=1.2)
    axes.set_yticks(heights, [label(name) for name in names])
    axes.invert_yaxis()


def _lengths(evaluation: Evaluation) -> Plot:
    bins = evaluation.lengths

    def draw(axes: Axes, theme: Theme) -> None:
        for number, name in enumerate(evaluation.plotted):
            means, lows, highs = zip(*(entry["ndcg"][name] for entry in bins), strict=True)
            offsets = [position + 0.06 * (number - 1) for position in range(len(bins))]
            axes.plot(offsets, means, STYLES[name], marker="o", markersize=3.5, color=theme.of(name), label=label(name))
            axes.vlines(offsets, lows, highs, color=theme.of(name), linewidth=1)
        axes.set_xticks(range(len(bins)), [f"{entry['events']}\n({entry['users']:,})" for entry in bins])
        axes.set_xlabel("events of a history (users)")
        axes.set_ylabel("NDCG@10")
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(evaluation.plotted))

    words = "; ".join(
        f"{entry['events']} events: "
        + ", ".join(f"{label(name)} {entry['ndcg'][name][0]:.4f}" for name in evaluation.plotted)
        for entry in bins
    )
    caption = "NDCG@10 by the number of events of a user; the lines are 95 % intervals."
    return Plot("lengths", "Short and long histories", caption, f"NDCG@10 by history length. {words}.", draw)


def _exposure(evaluation: Evaluation) -> Plot:
    ginis = {name: evaluation.systems[name]["gini@10"] for name in evaluation.exposure}

    def draw(axes: Axes, theme: Theme) -> None:
        axes.plot([0, 1], [0, 1], color=theme.faint, linewidth=1)
        for name, shares in evaluation.exposure.items():
            steps = [step / (len(shares) - 1) for step in range(len(shares))]
            words = f"{label(name)}, Gini {ginis[name]:.3f}"
            axes.plot(steps, shares, STYLES[name], color=theme.of(name), label=words)
        axes.set_xlabel("share of the items, the least exposed first")
        axes.set_ylabel("share of all slots in lists")
        axes.legend(fontsize=8, frameon=False, loc="upper left")

    words = ", ".join(f"{label(name)} {value:.3f}" for name, value in ginis.items())
    caption = "Evenness of exposure over the catalogue: on the diagonal all items have the same exposure."
    return Plot("exposure", "Exposure of the catalogue", caption, f"Lorenz curves of exposure. Gini: {words}.", draw)


def _learning(learning: Mapping[str, list[float]]) -> Plot:
    events, loss = learning["events"], learning["loss"]

    def draw(axes: Axes, theme: Theme) -> None:
        axes.plot(events, loss, color=theme.of(ENSEMBLE))
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("events read")
        axes.set_ylabel("loss")

    words = f"The loss falls from {loss[0]:.3f} to {loss[-1]:.3f} over {events[-1]:,.0f} events."
    caption = "Training loss of the AIGC network by the number of events read, with repetitions."
    return Plot("learning", "Training of the network", caption, words, draw)
