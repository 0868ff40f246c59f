"""The gate: what must hold before a night is published."""

from chatrec.quality.checks import Check, Evidence, judge, verdict, warnings

__all__ = ["Check", "Evidence", "judge", "verdict", "warnings"]
