"""Tables of runs, lists, encoders, releases and evaluations for a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from chatrec.console.labels import field_of
from chatrec.db.ledger import Entry
from chatrec.db.records import RunRecord, StepRecord
from chatrec.models.labels import kinds

if TYPE_CHECKING:
    from chatrec.encoder.registry import Version
    from chatrec.publish.read import Recommendation
    from chatrec.report.privacy_utility import Utility
    from chatrec.report.results import Evaluation

NUMBERS_OF_A_RUN: Mapping[str, tuple[str, str]] = {
    "users": ("extract", "users"),
    "items": ("extract", "items"),
    "events": ("extract", "interactions"),
    "embedded": ("embed", "texts_embedded"),
    "rows": ("rank", "rows"),
}
"""Columns of the table of runs: step and field."""
STATES = {"published": "green", "dry": "cyan", "running": "yellow", "stopped": "red", "failed": "red"}


def runs_table(records: list[RunRecord], steps: Mapping[int, Sequence[StepRecord]]) -> Table:
    """Returns the table of runs; `steps` has the steps of each run."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("key", "state", "", "started", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for name in NUMBERS_OF_A_RUN:
        table.add_column(name, justify="right")
    table.add_column("verdict", overflow="fold")
    for record in records:
        results = {step.step: step.result for step in steps.get(record.run, ())}
        numbers = (_number(field_of(results.get(step), field)) for step, field in NUMBERS_OF_A_RUN.values())
        table.add_row(
            record.key,
            f"[{STATES[record.state]}]{record.state}[/]",
            "live" if record.live else ("kept" if record.kept else ""),
            f"{record.started_at:%Y-%m-%d %H:%M}",
            f"{record.seconds:.1f}" if record.seconds is not None else "",
            *numbers,
            record.verdict or "",
        )
    return table


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def reason(values: Mapping[str, Any]) -> str:
    """Returns a reason in words: the item behind it, its group, and the kind of model with the largest share."""
    parts = []
    if "because" in values:
        parts.append(f"goes with {values['because']}")
    if "group" in values:
        parts.append(f"in {values['group']}")
    if evidence := values.get("evidence"):
        kind, share = next(iter(kinds(evidence).items()))
        parts.append(f"{share:.0%} by {kind}")
    return ", ".join(parts)


def lists_table(rows: "Sequence[Recommendation]") -> Table:
    """Returns the table of a user's list."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("rank", justify="right")
    for name in ("item", "title"):
        table.add_column(name, overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("source")
    table.add_column("reason", overflow="fold")
    for row in rows:
        table.add_row(
            str(row.rank), str(row.item_id), row.title or "", f"{row.score:.4f}", row.source or "", reason(row.reason),
        )  # fmt: skip
    return table


def encoders_table(versions: "Sequence[Version]", live: str) -> Table:
    """Returns the table of all encoders of this installation, the oldest first."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", "name", "made", "how", "from", "NDCG@10", "measured on", "gain", "95 %"):
        table.add_column(name, justify="right" if name in ("NDCG@10", "gain", "95 %") else "left")
    for version in versions:
        scores = version.scores
        gain, low, high = scores.get("gain") or (None, None, None)
        table.add_row(
            "[green]live[/]" if version.name == live else "",
            version.name,
            version.made_at[:16].replace("T", " "),
            version.how,
            Path(version.start).name,
            f"{scores['ndcg@10']:.4f}" if "ndcg@10" in scores else "",
            scores.get("run", ""),
            "" if gain is None else f"{gain:+.4f}",
            "" if gain is None else f"{low:+.4f} – {high:+.4f}",
        )
    return table


def ledger_table(entries: Sequence[Entry]) -> Table:
    """Returns the table of all releases, the oldest first."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("run", "made"):
        table.add_column(name)
    for name in ("ε", "δ", "deviation", "total ε", "runs"):
        table.add_column(name, justify="right")
    table.add_column("mechanism", overflow="fold")
    for entry in entries:
        table.add_row(
            entry.key,
            f"{entry.made_at:%Y-%m-%d %H:%M}",
            f"{entry.epsilon:g}",
            f"{entry.delta:g}",
            f"{entry.deviation:.3f}",
            f"{entry.total_epsilon:.3f}",
            str(entry.runs),
            entry.mechanism,
        )
    return table


def utility_table(utility: "Utility") -> Table:
    """Returns the table of NDCG@10 by ε, with references without privacy."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("ε of one release")
    for name in ("NDCG@10", "95 %", "of EASE"):
        table.add_column(name, justify="right")
    rows = {f"{epsilon:g}": value for epsilon, value in utility.private.items()}
    rows |= {"EASE, not private": utility.ease, "popularity, not private": utility.popular}
    for name, (mean, low, high) in rows.items():
        share = f"{mean / utility.ease[0]:.0%}" if utility.ease[0] else ""
        table.add_row(name, f"{mean:.4f}", f"{low:.4f} – {high:.4f}", share)
    return table


def evaluation_table(evaluation: "Evaluation") -> Table:
    """Returns the table of models × metrics at 10, with the interval of NDCG; the best of a column is bold."""
    from chatrec.report.html import table as cells_of
    from chatrec.report.results import MEASURES

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("at 10", overflow="fold")
    accuracy, *others = MEASURES.values()
    for name in (accuracy, "95 %", *others):
        table.add_column(name, justify="right", overflow="fold")
    for system, cells in cells_of(evaluation).items():
        _, low, high = evaluation.ndcg[system]
        words = [f"[bold]{cell.words}[/]" if cell.best else cell.words for cell in cells]
        table.add_row(system, words[0], f"{low:.4f} – {high:.4f}", *words[1:])
    return table
