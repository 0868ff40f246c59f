"""The files of `sql/`: beside the package in a checkout, inside it in a wheel."""

import re
from collections.abc import Mapping
from pathlib import Path


def folder() -> Path:
    """Where the SQL files are."""
    package = Path(__file__).parents[1]
    inside = package / "sql"
    return inside if inside.is_dir() else package.parent / "sql"


def read(name: str, variables: Mapping[str, str] | None = None) -> str:
    """The text of a file, its variables filled in.

    Args:
        name: relative to `sql/`, such as `queries/day_digests.sql`.
        variables: `:name` in the file becomes the value, as in `psql -v name=value`; for names of types, schemas and
            for mapped SELECTs only. Values of rows are bound by the driver.
    """
    return fill((folder() / name).read_text(encoding="utf-8"), variables or {})


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Replaces each `:name`; a `::cast` stays, and so does what a value brings along."""
    if not variables:
        return text
    names = "|".join(sorted(variables, key=len, reverse=True))
    return re.sub(rf"(?<!:):({names})(?![a-z0-9])", lambda found: variables[found[1]], text)
