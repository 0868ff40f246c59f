"""Quality checks before a run is published."""

from chatrec.gate.checks import Check, CheckInputs, judge, judge_fairness, verdict, warnings

__all__ = ["Check", "CheckInputs", "judge", "judge_fairness", "verdict", "warnings"]
