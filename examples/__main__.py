"""Creates the tables of an example, runs the pipeline on them, and prints the results: `python -m examples NAME`."""

import argparse
import importlib
import sys
from pathlib import Path

from chatrec.config import load
from chatrec.errors import ChatrecError
from examples.common import Stage

HERE = Path(__file__).parent
NAMES = sorted(file.parent.name for file in HERE.glob("*/chatrec.toml"))


def main() -> int:
    """Runs an example and returns an exit code."""
    options = argparse.ArgumentParser(prog="python -m examples", description=__doc__)
    options.add_argument("name", choices=NAMES)
    options.add_argument("--users", type=int, default=1500, help="number of users (default: %(default)s)")
    options.add_argument("--seed", type=int, default=7, help="seed of the tables (default: %(default)s)")
    chosen = options.parse_args()
    try:
        settings = load(HERE / chosen.name / "chatrec.toml")
        with Stage.open(settings) as stage:
            importlib.import_module(f"examples.{chosen.name}.show").show(stage, chosen.users, chosen.seed)
    except ChatrecError as error:
        print(f"✗ {error}", file=sys.stderr)
        return error.exit_code
    print(f"\nNext: chatrec --config examples/{chosen.name}/chatrec.toml, with sql, runs, recommend or check.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
