"""Quality checks before a run is published."""

from chatrec.gate.check import Check, failures, verdict, warnings
from chatrec.gate.checks import CheckInputs, judge, judge_fairness

__all__ = ["Check", "CheckInputs", "failures", "judge", "judge_fairness", "verdict", "warnings"]
