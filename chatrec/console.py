"""Output of steps, runs and lists on a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from chatrec.db.ledger import Entry
from chatrec.db.records import RunRecord, StepRecord
from chatrec.models.labels import kinds
from chatrec.runs import results
from chatrec.runs.results import StepResult
from chatrec.runs.run import Manifest

if TYPE_CHECKING:
    from chatrec.encoder.registry import Version
    from chatrec.pipeline.step import Step
    from chatrec.publish.read import Recommendation
    from chatrec.report.privacy_utility import Utility
    from chatrec.report.results import Evaluation

LABELS: Mapping[str, str] = {
    "candidate_ndcg": "candidate NDCG@10",
    "cold_items_ndcg": "cold items NDCG@10",
    "exposure_gini": "Gini of exposure",
    "holdout_loss": "held-out loss",
    "holdout_loss_at_start": "held-out loss at start",
    "holdout_users": "held-out users",
    "least_met": "least share of owed exposure",
    "live_ndcg": "live NDCG@10",
    "names.generated": "names generated",
    "names.fallbacks": "names from keyphrases",
    "ndcg": "NDCG@10",
    "ndcg_gain": "relative NDCG@10 gain",
    "ndcg_without": "NDCG@10 without prices",
    "nets": "networks",
    "popularity_ndcg": "popularity NDCG@10",
    "priced": "raised providers",
    "release.decision": "release",
    "reused_from": "unchanged since",
    "rows.recommendations": "rows published",
    "rules_users": "users that rules are measured on",
    "same_lists_as": "same lists as run",
    "short_by_caps": "lists that caps keep short",
    "training.last_loss": "last loss",
    "users_ensemble": "users by the ensemble",
    "users_group": "users by groups",
    "users_popular": "users by popularity",
    "users_searched": "users by searches",
}
"""Labels of fields of step results. A field that is not here is its name with spaces."""
SHOWN: Mapping[type[StepResult], tuple[str, ...]] = {
    results.ExtractResult: ("users", "items", "interactions", "queries", "days_read", "quarantined"),
    results.EncoderResult: ("encoder", "trained", "training.last_loss"),
    results.EmbedResult: ("texts_embedded", "texts_cached", "device"),
    results.GroupsResult: ("groups", "source"),
    results.AigcResult: ("nets", "epochs", "ndcg"),
    results.EnsembleResult: ("ndcg", "popularity_ndcg", "release.decision"),
    results.IndexResult: ("items", "kind", "recall"),
    results.RankResult: ("rows", "users_searched", "users_group", "users_popular", "items_shown"),
    results.TablesResult: ("similar_items", "popular", "trending", "query_recommendations"),
    results.GenerateResult: ("names.generated", "names.fallbacks", "blurbs"),
    results.GateResult: ("verdict",),
    results.PublishResult: ("rows.recommendations", "runs_kept"),
    results.HoldoutResult: ("holdout_users", "targets"),
    results.TextVectorsResult: ("items", "profiles"),
    results.MeasureResult: ("ndcg", "popularity_ndcg"),
    results.TrainResult: ("encoder", "trained"),
    results.ShadowEmbedResult: ("candidate.texts_embedded", "live.texts_embedded"),
    results.CompareResult: ("candidate_ndcg", "live_ndcg", "users"),
    results.PromoteResult: ("verdict",),
}
"""Fields in the line of a step, as paths."""
ONLY_IF_ANY = {
    "nets", "queries", "quarantined", "users_searched", "users_group", "users_popular", "query_recommendations",
}  # fmt: skip
NUMBERS_OF_A_RUN: Mapping[str, tuple[str, str]] = {
    "users": ("extract", "users"),
    "items": ("extract", "items"),
    "events": ("extract", "interactions"),
    "embedded": ("embed", "texts_embedded"),
    "rows": ("rank", "rows"),
}
"""Columns of the table of runs: step and field."""
STATES = {"published": "green", "dry": "cyan", "running": "yellow", "stopped": "red", "failed": "red"}


def console(stderr: bool = False) -> Console:
    """Returns a console, with a width of 160 outside a terminal, so that lines are not cut in a pipe."""
    shown = Console(stderr=stderr, highlight=False)
    return shown if shown.is_terminal else Console(stderr=stderr, highlight=False, width=160)


def label(path: str) -> str:
    """Returns the label of a field of a step's result, given as a path such as "users" or "names.generated"."""
    last = path.rpartition(".")[2]
    return LABELS.get(path) or LABELS.get(last) or last.replace("_", " ")


def field_of(result: StepResult | None, path: str) -> Any:
    """Returns a field of a step's result; None if the result or the field is missing."""
    found: Any = result
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
    return found


def labelled(result: object) -> dict[str, Any]:
    """Returns all fields of a step's result by label, except for those that do not apply; parts of it as mappings."""
    values = {field.name: getattr(result, field.name) for field in fields(result)}  # type: ignore[arg-type]
    return {label(name): _plain(each) for name, each in values.items() if each is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return labelled(value) if is_dataclass(value) else value


def summary(result: StepResult | None) -> str:
    """Returns the result of a step as one line."""
    if result is None:
        return ""
    if result.reused_from:
        return f"{label('reused_from')} {result.reused_from}"
    values = {path: field_of(result, path) for path in SHOWN.get(type(result), ())}
    shown = {path: each for path, each in values.items() if each is not None and (each or path not in ONLY_IF_ANY)}
    return " · ".join(_labelled(label(path), each) for path, each in shown.items())


def _labelled(name: str, value: Any) -> str:
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
            f"[green]✓[/] {step.title:<31} {manifest.seconds:6.1f} s  [dim]{summary(manifest.result)}[/]"
        )


def runs_table(records: list[RunRecord], steps: Mapping[int, Sequence[StepRecord]]) -> Table:
    """Returns the table of runs; `steps` has the steps of each run."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("key", "state", "", "started", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for name in NUMBERS_OF_A_RUN:
        table.add_column(name, justify="right")
    table.add_column("verdict", overflow="fold")
    for record in records:
        found = {step.step: step.result for step in steps.get(record.run, ())}
        numbers = (_number(field_of(found.get(step), field)) for step, field in NUMBERS_OF_A_RUN.values())
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
    words = []
    if "because" in values:
        words.append(f"goes with {values['because']}")
    if "group" in values:
        words.append(f"in {values['group']}")
    if evidence := values.get("evidence"):
        kind, share = next(iter(kinds(evidence).items()))
        words.append(f"{share:.0%} by {kind}")
    return ", ".join(words)


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
