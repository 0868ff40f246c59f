"""Report of an evaluation: a self-contained HTML file, and its plots as PNG files."""

import shutil
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader

from chatrec.ensemble.choice import ENSEMBLE
from chatrec.models.labels import label
from chatrec.report.plots import DARK, LIGHT, Plot, plots
from chatrec.report.results import LESS_IS_MORE, MEASURES, NUMBERS, Evaluation
from chatrec.runs.files import write_atomically

REPORT, TEMPLATE = "report.html", "report.html.j2"
SLICES = ("short histories", "long histories", "head items", "tail items", "cold items")
HELD_OUT = {
    "next_item": "the last event of each user, or of a sample of them",
    "next_period": "everything after the 80 % quantile of time",
    "random": "a tenth of the events of each user, or of a sample of them, at random",
}


@dataclass(frozen=True)
class Picture:
    """A plot as shown in the page."""

    plot: Plot
    light: str
    dark: str
    """Light and dark PNG, base64-encoded."""


@dataclass(frozen=True)
class Cell:
    """A number in a table."""

    words: str
    best: bool


def write_report(evaluation: Evaluation, numbers: Path, folder: Path) -> Path:
    """Writes REPORT, the plots and NUMBERS.

    Args:
        evaluation: Evaluation to show.
        numbers: Folder of its file NUMBERS, which is copied.
        folder: Folder of the report.

    Returns:
        Path of the HTML file.
    """
    shutil.copyfile(numbers / NUMBERS, folder / NUMBERS)
    environment = Environment(loader=PackageLoader("chatrec.report", ""), autoescape=True)
    environment.filters["label"] = label
    text = environment.get_template(TEMPLATE).render(
        evaluation=evaluation,
        held_out=HELD_OUT[evaluation.target],
        measures=list(MEASURES.values()),
        rows=table(evaluation),
        slices=_slices(evaluation),
        pictures=list(_pictures(evaluation, folder)),
    )
    write_atomically(folder / REPORT, text)
    return folder / REPORT


def table(evaluation: Evaluation) -> Mapping[str, list[Cell]]:
    """Returns a row for each model, with a cell for each of MEASURES."""
    best = {
        name: (min if name in LESS_IS_MORE else max)(values[name] for values in evaluation.systems.values())
        for name in MEASURES
        if name in evaluation.systems[ENSEMBLE]
    }
    return {
        system: [Cell(f"{values[name]:.4f}", values[name] == best[name]) if name in best else Cell("–", False)
                 for name in MEASURES]
        for system, values in evaluation.systems.items()
    }  # fmt: skip


def _slices(evaluation: Evaluation) -> Iterator[tuple[str, int, list[tuple[float, float]]]]:
    """Yields each slice with users: name, number of users, and NDCG and recall of the models shown in every plot."""
    shown = [evaluation.systems[name] for name in evaluation.plotted]
    for name in SLICES:
        if users := int(shown[0][f"users {name}"]):
            yield name, users, [(values[f"ndcg@10 {name}"], values[f"recall@10 {name}"]) for values in shown]


def _pictures(evaluation: Evaluation, folder: Path) -> Iterator[Picture]:
    for plot in plots(evaluation):
        light, dark = plot.png(LIGHT), plot.png(DARK)
        (folder / f"{plot.name}.png").write_bytes(light)
        yield Picture(plot, b64encode(light).decode(), b64encode(dark).decode())
