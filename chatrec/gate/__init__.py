"""Quality checks before a run is published."""

from chatrec.gate.checks import Check, Evidence, judge, judge_fairness, verdict, warnings

__all__ = ["Check", "Evidence", "judge", "judge_fairness", "verdict", "warnings"]
