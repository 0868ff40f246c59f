"""The demo as a person sees it: each stage with a line, the run with its steps, and the lists in the end."""

import os
import re
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from sqlalchemy import Engine, text

from chatrec.config import CONFIG_VARIABLE, Settings, load
from chatrec.config.loader import DEMO_FILE
from chatrec.console import console, lists_table, summary
from chatrec.db import records
from chatrec.db.engine import open_database
from chatrec.db.migrate import migrate
from chatrec.demo import airflow, movielens
from chatrec.encoder.prepared import unpack
from chatrec.errors import ChatrecError, RunStopped
from chatrec.pipeline.preflight import read_mapping
from chatrec.pipeline.steps import BY_NAME
from chatrec.publish.read import list_of
from chatrec.runs.results import EmbedResult, ExtractResult

EXAMPLE_USERS = (471, 604, 477)
"""People with tastes of their own, none of whom rated more than 35 films."""
LIKED = text("""
    SELECT m.name FROM shop.ratings r JOIN shop.movies m USING (movie_no)
    WHERE r.user_no = :user AND r.stars >= 4 ORDER BY r.stars DESC, r.rated_at DESC, r.movie_no LIMIT 5
""")
REACH = text("""
    WITH films AS (SELECT count(*) AS lists FROM recommendations GROUP BY item_id),
         people AS (SELECT count(DISTINCT user_id) AS number FROM recommendations)
    SELECT (SELECT count(*) FROM films), (SELECT count(*) FROM shop.movies),
           (SELECT sum(lists * (lists - 1.0)) FROM films) / nullif(number * (number - 1.0), 0)
    FROM people
""")


def settings_of(file: Path | None) -> Settings:
    """The settings of the demo, which has a file of its own unless one is named."""
    if file is None and CONFIG_VARIABLE not in os.environ:
        file = DEMO_FILE
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text((Path(__file__).parent / "chatrec.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return load(file)


def run_demo(file: Path | None = None) -> None:
    """Does everything, from an empty machine to recommendations in SQL, and shows it.

    Args:
        file: the settings; default: those of the demo, in `.chatrec/chatrec.toml`.

    Raises:
        ChatrecError: a stage failed; says where its log is.
    """
    shown, settings = console(), settings_of(file)
    started = time.monotonic()
    folder = settings.database.folder.parent
    airflow.environment(settings)  # refuses what cannot work before anything is done
    with open_database(settings, "chatrec demo") as engine, ProcessPoolExecutor(2, get_context("spawn")) as beside:
        _stage(shown, "PostgreSQL is up", lambda: None)
        unpacked = beside.submit(unpack, settings)
        prepared = beside.submit(airflow.prepare, settings)
        data = _stage(shown, "MovieLens-100k", lambda: movielens.download(folder / "data"))
        shown.print(f"  [dim]{movielens.TERMS}[/]")
        _stage(
            shown,
            "The shop's own tables: shop.users, shop.movies, shop.ratings",
            lambda: movielens.load(engine, data),
        )
        _stage(shown, "chatrec's tables", lambda: _migrate(engine, settings))
        _stage(shown, "The language model, unpacked", unpacked.result)
        _stage(shown, "Airflow's metadata", prepared.result)
        log = folder / "logs" / "demo.log"
        shown.print(f"\n[bold]chatrec_nightly[/] under Airflow [dim](its log: {log})[/]")
        record = _run_dag(shown, engine, settings, log)
        show_lists(shown, engine)
        _further(shown, engine, record, time.monotonic() - started)


def _stage(shown: Console, title: str, do: Any) -> Any:
    started = time.monotonic()
    with shown.status(title):
        found = do()
    shown.print(f"[green]✓[/] {title} [dim]{time.monotonic() - started:.1f} s[/]")
    return found


def _migrate(engine: Engine, settings: Settings) -> None:
    mapping = read_mapping(settings)
    migrate(engine, settings.database.schema_name, mapping.id_types)


def _run_dag(shown: Console, engine: Engine, settings: Settings, log: Path) -> records.RunRecord:
    """Runs the DAG and shows each step when it is done, as the database tells."""
    before = _newest(engine)
    process = airflow.start_dag_test(settings, log)
    told: set[str] = set()
    lines = _ProgressLines(log)
    with shown.status("Airflow is starting") as status:
        while True:
            ended = process.poll() is not None
            record = _newest(engine)
            if record and (before is None or record.run != before.run):
                _tell(shown, status, engine, record, told)
            for line in lines.new():
                status.update(line)
                if not shown.is_terminal:
                    shown.print(f"    [dim]{line}[/]")
            if ended:
                break
            time.sleep(0.3)
    return _outcome(record if record and record != before else None, process, log)


class _ProgressLines:
    """What the tasks say about themselves in the log."""

    LINE = re.compile(r"((?:Training|Embedding|Learning|Reading|Ranking)[^:\n]*: [\d,]+ of .*?)\s*\[chatrec\]")

    def __init__(self, log: Path) -> None:
        self.log, self.place = log, 0

    def new(self) -> list[str]:
        with self.log.open("rb") as stream:
            stream.seek(self.place)
            text = stream.read()
        complete = text.rfind(b"\n") + 1
        self.place += complete
        return self.LINE.findall(text[:complete].decode("utf-8", "replace"))


def _tell(shown: Console, status: Any, engine: Engine, record: records.RunRecord, told: set[str]) -> None:
    with engine.connect() as connection:
        steps = records.steps(connection, record.run)
    for step in steps:
        title = BY_NAME[step.step].title
        if step.state == "running":
            status.update(f"{title}")
        elif step.step not in told:
            told.add(step.step)
            mark = "[green]✓[/]" if step.state == "done" else "[red]✗[/]"
            shown.print(f"  {mark} {title:<31} {step.seconds:6.1f} s  [dim]{summary(step.result)}[/]")


def _outcome(record: records.RunRecord | None, process: subprocess.Popen[bytes], log: Path) -> records.RunRecord:
    if record is None:
        raise ChatrecError(f"Airflow ended with {process.returncode} before the run began; its log is {log}.")
    if record.state != "published":
        raise RunStopped(f"Run {record.key} is {record.state}: {record.verdict} The log is {log}.")
    return record


def _newest(engine: Engine) -> records.RunRecord | None:
    with engine.connect() as connection:
        found = records.latest(connection, limit=1)
    return found[0] if found else None


def show_lists(shown: Console, engine: Engine, length: int = 10) -> None:
    """Prints what three people liked, and the first rows of their lists."""
    for user in EXAMPLE_USERS:
        with engine.connect() as connection:
            liked = connection.execute(LIKED, {"user": user}).scalars().all()
            rows = list_of(connection, user)
        shown.print(f"\n[bold]User {user}[/] liked {', '.join(liked)}")
        shown.print(lists_table(rows[:length]))


def _further(shown: Console, engine: Engine, record: records.RunRecord, seconds: float) -> None:
    with engine.connect() as connection:
        steps = {step.step: step.result for step in records.steps(connection, record.run)}
        listed, films, shared = connection.execute(REACH).one()
    read, vectors = steps["extract"], steps["embed"]
    assert isinstance(read, ExtractResult)
    assert isinstance(vectors, EmbedResult)
    shown.print(
        Panel.fit(
            f"Run [bold]{record.key}[/] is live after {seconds:.0f} s. {record.verdict}\n"
            f"The lists have {listed:,} of {films:,} films; two people share {shared:.1f} of 10 on average.\n"
            f"Read {read.days_read} days of events, skipped {read.days - read.days_read} that were known; "
            f"embedded {vectors.texts_embedded:,} texts, skipped {vectors.texts_cached:,}.\n\n"
            "Look further:\n"
            '  chatrec sql "select rank, title, score, reason from chatrec.recommendations where user_id = 471 '
            'order by rank"\n'
            "  chatrec recommend 471    chatrec runs    chatrec rollback    chatrec sql\n"
            "See it in Airflow's web page, and trigger a run with other settings:\n"
            "  make up",
            title="chatrec",
            border_style="green",
        )
    )
