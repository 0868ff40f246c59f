"""Output on a terminal: labels and summaries of steps, and tables."""

from chatrec.console.labels import field_of, label, labelled, summary
from chatrec.console.tables import (
    encoders_table,
    evaluation_table,
    ledger_table,
    lists_table,
    reason,
    runs_table,
    utility_table,
)
from chatrec.console.terminal import StepLines, console

__all__ = [
    "StepLines",
    "console",
    "encoders_table",
    "evaluation_table",
    "field_of",
    "label",
    "labelled",
    "ledger_table",
    "lists_table",
    "reason",
    "runs_table",
    "summary",
    "utility_table",
]
