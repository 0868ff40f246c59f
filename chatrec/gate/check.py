"""A check: its value, its threshold and its message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from chatrec.config.publish import Checks as CheckSettings


@dataclass(frozen=True)
class Check:
    """A check and its result."""

    name: str
    ok: bool
    value: float
    threshold: float
    message: str
    warned: bool = False
    """Whether it passed with a warning, for a person to review before publishing."""

    def as_row(self) -> dict[str, Any]:
        """Returns the check as a row of `run_checks`."""
        return asdict(self)

    def as_warning(self) -> Check:
        """Returns the check as a warning: a failure becomes a pass with a warning."""
        return self if self.ok else replace(self, ok=True, warned=True, message=f"Outside its bounds: {self.message}")


def unless(well: bool, setting: str, settings: CheckSettings) -> str:
    """Returns the setting that causes a warning, if there is one."""
    return "" if well else f" The warning threshold is {getattr(settings, setting):.1%} (checks.{setting})."


def verdict(checks: Sequence[Check]) -> str:
    """Returns the result of all checks as one paragraph."""
    failed = failures(checks)
    if failed:
        return f"{len(failed)} of {len(checks)} checks failed. {_reasons(failed)}"
    if warned := warnings(checks):
        return f"All {len(checks)} checks passed, {len(warned)} with a warning. {_reasons(warned)}"
    return f"All {len(checks)} checks passed."


def failures(checks: Sequence[Check]) -> list[Check]:
    """Returns the checks that failed."""
    return [check for check in checks if not check.ok]


def warnings(checks: Sequence[Check]) -> list[Check]:
    """Returns the checks that passed with a warning."""
    return [check for check in checks if check.ok and check.warned]


def _reasons(checks: Sequence[Check]) -> str:
    return " ".join(f"{check.name}: {check.message}" for check in checks)
