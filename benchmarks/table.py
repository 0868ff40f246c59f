"""A table that is printed row by row, and that becomes Markdown in the end."""

from collections.abc import Iterable, Mapping
from pathlib import Path


class Table:
    """Prints its title and its header at once.

    Args:
        title: what was measured.
        columns: their names and how wide they are printed; the first is aligned to the left.
    """

    def __init__(self, title: str, columns: Mapping[str, int]) -> None:
        self.title = title
        self.columns = columns
        self.rows: list[tuple[str, ...]] = []
        print(f"\n{title}")
        self._print(tuple(columns))

    def add(self, *row: str) -> None:
        """Prints a row and remembers it."""
        self.rows.append(row)
        self._print(row)

    @property
    def markdown(self) -> str:
        """The table with its title."""
        rule = ["---", *["--:"] * (len(self.columns) - 1)]
        rows = (f"| {' | '.join(row)} |" for row in (self.columns, rule, *self.rows))
        return "\n".join((f"### {self.title}", "", *rows, ""))

    def _print(self, row: Iterable[str]) -> None:
        first, *others = (f"{cell:>{width}}" for cell, width in zip(row, self.columns.values(), strict=True))
        print(f"  {first.strip():<{next(iter(self.columns.values()))}}{''.join(others)}", flush=True)


def write(tables: Iterable[Table], out: Path | None) -> None:
    """Writes the tables as Markdown, if a file is wanted."""
    if out:
        out.write_text("\n".join(table.markdown for table in tables), encoding="utf-8")
