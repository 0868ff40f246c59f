"""`python -m examples NAME`: makes an example's tables, does its runs, and shows what came of it."""

import argparse
import importlib
import sys
from pathlib import Path

from chatrec.config import load
from chatrec.errors import ChatrecError
from examples.common import Stage

HERE = Path(__file__).parent
NAMES = sorted(each.parent.name for each in HERE.glob("*/chatrec.toml"))


def main() -> int:
    """Runs an example; returns an exit code."""
    options = argparse.ArgumentParser(prog="python -m examples", description=__doc__)
    options.add_argument("name", choices=NAMES)
    options.add_argument("--users", type=int, default=1500, help="how many there are (default: %(default)s)")
    options.add_argument("--seed", type=int, default=7, help="other numbers make other tables (default: %(default)s)")
    chosen = options.parse_args()
    try:
        settings = load(HERE / chosen.name / "chatrec.toml")
        with Stage.open(settings) as stage:
            importlib.import_module(f"examples.{chosen.name}.show").show(stage, chosen.users, chosen.seed)
    except ChatrecError as error:
        print(f"✗ {error}", file=sys.stderr)
        return error.exit_code
    print(f"\nLook further: chatrec --config examples/{chosen.name}/chatrec.toml sql, runs, recommend, check.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
