"""Files of `sql/`: beside the package in a checkout, inside it in a wheel."""

import re
from collections.abc import Mapping
from pathlib import Path


def folder() -> Path:
    """Folder of the SQL files."""
    package = Path(__file__).parents[1]
    inside = package / "sql"
    return inside if inside.is_dir() else package.parent / "sql"


def read(name: str, variables: Mapping[str, str] | None = None) -> str:
    """Read a file and substitute its variables.

    Args:
        name: Path relative to `sql/`, such as `queries/day_digests.sql`.
        variables: Values that replace `:name`, as in `psql -v name=value`. Only for names of types, schemas and mapping
            SELECTs; values of rows are bound by the driver.
    """
    return fill((folder() / name).read_text(encoding="utf-8"), variables or {})


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Replace each `:name` once; casts (`::type`) and substituted values are left as they are."""
    if not variables:
        return text
    names = "|".join(sorted(variables, key=len, reverse=True))
    return re.sub(rf"(?<!:):({names})(?![a-z0-9])", lambda match: variables[match[1]], text)
