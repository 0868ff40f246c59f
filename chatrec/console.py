"""Output of steps, runs and lists on a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from chatrec.db.ledger import Entry
from chatrec.db.records import RunRecord
from chatrec.models.labels import kinds
from chatrec.runs.run import UNCHANGED, Manifest

if TYPE_CHECKING:
    from chatrec.encoder.registry import Version
    from chatrec.pipeline.step import Step
    from chatrec.report.privacy_utility import Utility
    from chatrec.report.results import Evaluation

SHOWN_COUNTS: Mapping[str, tuple[str, ...]] = {
    "extract": ("users", "items", "interactions", "queries", "days read", "quarantined", "held-out users", "targets"),
    "encoder": ("encoder", "trained", "last loss"),
    "train": ("encoder", "trained"),
    "compare": ("candidate NDCG@10", "live NDCG@10", "users"),
    "promote": ("verdict",),
    "embed": ("texts embedded", "texts known", "device"),
    "groups": ("groups", "source"),
    "aigc": ("nets", "passes", "aigc NDCG@10"),
    "ensemble": ("ensemble NDCG@10", "popularity NDCG@10", "privacy"),
    "index": ("items", "kind", "recall"),
    "rank": ("rows", "users searched", "users group", "users popular", "items shown"),
    "tables": ("similar_items", "popular", "trending", "query_recommendations"),
    "generate": ("names generated", "names fallen back", "blurbs"),
    "gate": ("verdict",),
    "measure": ("ensemble NDCG@10", "popularity NDCG@10"),
    "publish": ("recommendations rows", "runs kept"),
}
ONLY_IF_ANY = {
    "nets", "queries", "quarantined", "users searched", "users group", "users popular", "query_recommendations",
}  # fmt: skip
STATES = {"published": "green", "dry": "cyan", "running": "yellow", "stopped": "red", "failed": "red"}


def console(stderr: bool = False) -> Console:
    """Returns a console, with a width of 160 outside a terminal, so that lines are not cut in a pipe."""
    shown = Console(stderr=stderr, highlight=False)
    return shown if shown.is_terminal else Console(stderr=stderr, highlight=False, width=160)


def counts(step: str, values: Mapping[str, Any]) -> str:
    """Returns the counts of a step as one line."""
    if UNCHANGED in values:
        return f"{UNCHANGED} {values[UNCHANGED]}"
    shown = [
        name for name in SHOWN_COUNTS.get(step, ()) if name in values and (values[name] or name not in ONLY_IF_ANY)
    ]
    return " · ".join(_count(name, values[name]) for name in shown)


def _count(name: str, value: Any) -> str:
    if name == "verdict":
        return str(value)
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if isinstance(value, int):
        return f"{value:,} {name}"
    return f"{name} {value:.4g}" if isinstance(value, float) else str(value)


class StepLines:
    """Prints a line for each step of a run as it happens."""

    def __init__(self) -> None:
        self.console = console(stderr=True)

    def __call__(self, step: "Step", manifest: Manifest | None) -> None:
        """Prints the start or the end of a step; a watcher for `chatrec.pipeline.run`."""
        if manifest is None:
            if self.console.is_terminal:
                self.console.print(f"[dim]…[/] {step.title}", end="\r")
            return
        self.console.print(
            f"[green]✓[/] {step.title:<31} {manifest.seconds:6.1f} s  [dim]{counts(step.name, manifest.counts)}[/]"
        )


def runs_table(records: list[RunRecord], rows: Mapping[int, Mapping[str, Any]]) -> Table:
    """Returns the table of runs; `rows` has the counts of each run by step."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("key", "state", "", "started", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for name in ("users", "items", "events", "embedded", "rows"):
        table.add_column(name, justify="right")
    table.add_column("verdict", overflow="fold")
    for record in records:
        steps = rows.get(record.run, {})
        extracted = steps.get("extract", {})
        table.add_row(
            record.key,
            f"[{STATES[record.state]}]{record.state}[/]",
            "live" if record.live else ("kept" if record.kept else ""),
            f"{record.started_at:%Y-%m-%d %H:%M}",
            f"{record.seconds:.1f}" if record.seconds is not None else "",
            _number(extracted.get("users")),
            _number(extracted.get("items")),
            _number(extracted.get("interactions")),
            _number(steps.get("embed", {}).get("texts embedded")),
            _number(steps.get("rank", {}).get("rows")),
            record.verdict or "",
        )
    return table


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def reason(values: Mapping[str, Any]) -> str:
    """Returns a reason in words: the item behind it, its group, and the kind of model with the largest share."""
    words = []
    if "because" in values:
        words.append(f"goes with {values['because']}")
    if "group" in values:
        words.append(f"in {values['group']}")
    if evidence := values.get("evidence"):
        kind, share = next(iter(kinds(evidence).items()))
        words.append(f"{share:.0%} by {kind}")
    return ", ".join(words)


def lists_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns the table of a user's list: rank, item_id, title, score, source, reason."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("rank", justify="right")
    for name in ("item", "title"):
        table.add_column(name, overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("source")
    table.add_column("reason", overflow="fold")
    for row in rows:
        table.add_row(
            str(row["rank"]), str(row["item_id"]), row["title"] or "", f"{row['score']:.4f}", row["source"] or "",
            reason(row["reason"] or {}),
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
