"""Cost of a run by size: a synthetic shop at a quarter, a half and all of a size.

    python -m benchmarks.scale --users 100000 --items 20000 --events 2000000

Prints the seconds of each step at each size, and the factor for twice the size. The embedded PostgreSQL and all files
are in a temporary folder.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from sqlalchemy import text

from chatrec import pipeline
from chatrec.config import Settings, load
from chatrec.db import embedded
from chatrec.db import migrate as migrations
from chatrec.db.engine import open_database
from chatrec.pipeline import STEPS
from chatrec.pipeline.preflight import read_mapping
from chatrec.runs.run import Run

INTERACTIONS = "SELECT user_no AS user_id, movie_no AS item_id, rated_at AS occurred_at FROM shop.ratings"
TABLES = """
DROP SCHEMA IF EXISTS shop CASCADE;
DROP SCHEMA IF EXISTS chatrec CASCADE;
CREATE SCHEMA shop;
SELECT setseed(0.5);
CREATE TABLE shop.users AS SELECT u AS user_no, (18 + u % 60)::smallint AS years_old, 'x' AS sex,
    'job ' || u % 20 AS job FROM generate_series(1, :users) u;
CREATE TABLE shop.movies AS SELECT i AS movie_no, 'Thing ' || i || ' of kind ' || i % 50 AS name,
    (1950 + i % 70)::smallint AS released, ARRAY['kind ' || i % 50] AS kinds, true AS in_stock,
    '2026-01-01+00'::timestamptz AS changed_at FROM generate_series(1, :items) i;
CREATE TABLE shop.ratings AS
SELECT u AS user_no,
    -- half of a user's events are of one kind, the other half follow popularity
    CASE WHEN random() < 0.5 THEN 1 + (u % 50 + 50 * floor(random() * :items / 50)::bigint) % :items
         ELSE 1 + floor(power(random(), 3) * :items)::bigint END AS movie_no,
    '2026-01-01+00'::timestamptz + random() * interval '90 days' AS rated_at
FROM (SELECT 1 + floor(random() * :users)::bigint AS u FROM generate_series(1, :events)) drawn;
"""


def main() -> None:
    """Measures the runs and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=4_000)
    parser.add_argument("--events", type=int, default=400_000)
    chosen = parser.parse_args()
    sizes = [(chosen.users // part, chosen.items // part, chosen.events // part) for part in (4, 2, 1)]
    with tempfile.TemporaryDirectory(prefix="chatrec-scale-") as folder:
        embedded.start(Path(folder) / "postgres")
        columns = [_run(Path(folder), *size) for size in sizes]
    print(f"{'':<10}" + "".join(f"{f'{events:,} events':>20}" for *_, events in sizes) + f"{'× for × 2':>12}")
    for name in [*columns[0], "all"]:
        seconds = [sum(column.values()) if name == "all" else column[name] for column in columns]
        growth = seconds[2] / max(seconds[1], 1e-9)
        print(f"{name:<10}" + "".join(f"{value:>18.2f} s" for value in seconds) + f"{growth:>12.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def _run(folder: Path, users: int, items: int, events: int) -> dict[str, float]:
    settings = load().override(
        {
            "database.folder": folder / "postgres",
            "artifacts.root": folder / f"artifacts-{events}",
            "source.interactions": INTERACTIONS,
            "checks.beats_baseline": False,
        }
    )
    _fill(settings, users, items, events)
    since = time.monotonic()
    result = pipeline.run(settings, raise_on_error=True)
    run = Run(settings.artifacts.root, result.key)
    manifests = {step.name: manifest for step in STEPS if (manifest := run.manifest(step.name))}
    print(f"{events:,} events: {time.monotonic() - since:.0f} s; "
          f"{manifests['rank'].result.to_dict()}; {manifests['aigc'].result.to_dict()}", flush=True)  # fmt: skip
    return {name: manifest.seconds for name, manifest in manifests.items()}


def _fill(settings: Settings, users: int, items: int, events: int) -> None:
    with open_database(settings, "chatrec scale") as engine, engine.begin() as connection:
        for statement in TABLES.split(";\n"):
            if statement.strip():
                values = {"users": users, "items": items, "events": events}
                parameters = {name: value for name, value in values.items() if f":{name}" in statement}
                connection.execute(text(statement), parameters)
    mapping = read_mapping(settings)
    with open_database(settings, "chatrec scale") as engine:
        types = {"user_id_type": mapping.user_id_type, "item_id_type": mapping.item_id_type}
        migrations.migrate(engine, settings.database.schema_name, types)


if __name__ == "__main__":
    main()
