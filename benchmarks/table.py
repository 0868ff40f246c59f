"""Tables that are printed row by row, and written as Markdown."""

from collections.abc import Iterable, Mapping
from pathlib import Path


class Table:
    """A table; its title and header are printed when it is created.

    Args:
        title: Title of the table.
        columns: Printed width of each column by name; the first column is aligned left.
    """

    def __init__(self, title: str, columns: Mapping[str, int]) -> None:
        self.title = title
        self.columns = columns
        self.rows: list[tuple[str, ...]] = []
        print(f"\n{title}")
        self._print(tuple(columns))

    def add(self, *row: str) -> None:
        """Adds a row and prints it."""
        self.rows.append(row)
        self._print(row)

    @property
    def markdown(self) -> str:
        """Title and table as Markdown."""
        rule = ["---", *["--:"] * (len(self.columns) - 1)]
        rows = (f"| {' | '.join(row)} |" for row in (self.columns, rule, *self.rows))
        return "\n".join((f"### {self.title}", "", *rows, ""))

    def _print(self, row: Iterable[str]) -> None:
        first, *others = (f"{cell:>{width}}" for cell, width in zip(row, self.columns.values(), strict=True))
        print(f"  {first.strip():<{next(iter(self.columns.values()))}}{''.join(others)}", flush=True)


def write(tables: Iterable[Table], out: Path | None) -> None:
    """Writes the tables as Markdown, unless `out` is None."""
    if out:
        out.write_text("\n".join(table.markdown for table in tables), encoding="utf-8")
