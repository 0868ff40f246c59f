"""Draws docs/images/demo.svg from the lists that `make demo` published.

make demo
.venv/bin/python docs/pictures.py
"""

from io import StringIO
from pathlib import Path

from rich.console import Console

from chatrec.db.engine import open_database
from chatrec.demo.show import settings_of, show_lists

WIDTH = 124


def main() -> None:
    """Writes the picture."""
    shown = Console(record=True, width=WIDTH, file=StringIO(), highlight=False)
    with open_database(settings_of(None), "chatrec demo") as engine:
        show_lists(shown, engine, 5)
    svg = shown.export_svg(title="make demo")
    (Path(__file__).parent / "images" / "demo.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
