"""The command as a person uses it: what it prints, how it exits, and never a traceback."""

import csv
import gzip
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import make_url

from chatrec import __version__
from chatrec.config import Settings, load
from chatrec.pipeline import RunOptions
from chatrec.pipeline.run_settings import options_of
from chatrec.runs.run import Run
from tests.support.finished import Finished, complete, migrate
from tests.support.processes import Chatrec
from tests.support.secrets import parts_in
from tests.support.shop import SELECTS, Shop, write_settings


@pytest.mark.parametrize(
    "command", [(sys.executable, "-m", "chatrec"), (str(Path(sys.executable).with_name("chatrec")),)]
)
def test_module_and_script_are_the_command(command: tuple[str, ...]) -> None:
    """All other tests call `main` in a fork."""
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"chatrec {__version__}\n")


def test_from_nothing_to_lists(chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]) -> None:
    configure()
    code, out, _ = chatrec("check")
    assert code == 0
    assert "run `chatrec db migrate` next" in " ".join(out.split())
    assert chatrec("run")[0] == 2
    code, out, _ = chatrec("db", "migrate")
    assert (code, out.splitlines()[0]) == (0, "Applied 0001_runs.")
    assert chatrec("db", "migrate")[1] == "Nothing to do: the tables are up to date.\n"
    code, out, _ = chatrec("check")
    assert code == 0
    assert out.count("✓") == 10

    code, _, err = chatrec("run", "--top-n", "4")
    assert code == 0
    assert "160 rows" in err
    assert "All 10 checks passed." in err

    code, out, _ = chatrec("recommend", "3")
    assert code == 0
    assert len(out.splitlines()) == 5
    code, out, _ = chatrec("recommend", "3", "--json")
    assert [row["rank"] for row in json.loads(out)] == [1, 2, 3, 4]
    code, out, _ = chatrec("runs", "--json")
    (record,) = json.loads(out)
    assert record["state"] == "published"
    assert record["live"] is True
    assert record["steps"]["rank"]["rows"] == 160
    key = record["key"]
    code, out, _ = chatrec("runs")
    assert key in out
    assert "published" in out

    code, out, _ = chatrec("sql", "SELECT user_id, count(*) AS n FROM recommendations GROUP BY 1 ORDER BY 1 LIMIT 2")
    assert (code, out) == (0, "user_id,n\n0,4\n1,4\n")
    assert chatrec("recommend", "3", "--run", key)[0] == 0


def test_wrong_use_is_one_paragraph_and_exit_code_2_or_1(
    chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]
) -> None:
    migrate(configure())
    for arguments, code, words in (
        (["recommend", "abc"], 1, "expected bigint"),
        (["recommend", "12345"], 1, "no list for user 12345"),
        (["rollback"], 1, "no older run"),
        (["rollback", "20200101T000000Z"], 1, "no run 20200101T000000Z"),
        (["sql", "SELEC 1"], 1, "does not accept the statement"),
        (["run", "--run", "yesterday"], 1, "keys look like"),
        (["run", "--top-n", "0"], 2, "ranking.top_n"),
        (["run", "--nonsense"], 2, "No such option"),
        (["nonsense"], 2, "No such command"),
        (["extract", "--run", "20200101T000000Z"], 1, "has no files"),
        (["--config", "nowhere.toml", "check"], 2, "no settings file"),
        (["evaluate", "--split", "nowhere", "--items", "x.csv", "--out", "y.csv"], 2, "There is no file"),
    ):
        found, out, err = chatrec(*arguments)
        assert (found, words in out + err) == (code, True), (arguments, found, out, err)


def test_a_database_that_is_down(chatrec: Chatrec, shop: Shop, tmp_path: Path) -> None:
    write_settings(tmp_path, "postgresql://nobody:geheim@127.0.0.1:9/nothing", {})
    for arguments, code in ((["run"], 1), (["check"], 1), (["runs"], 1), (["db", "migrate"], 1)):
        found, out, err = chatrec(*arguments, CHATREC_CONFIG=str(tmp_path / "chatrec.toml"))
        assert found == code, (arguments, out, err)
        assert "does not answer" in out + err
        assert "geheim" not in out + err


def test_a_wrong_url_is_exit_code_2_and_shows_no_secret(chatrec: Chatrec) -> None:
    variables = {f"CHATREC_SOURCE__{name.upper()}": select for name, select in SELECTS.items()}
    for url, words in (
        ("postgresql://postgres:se@kret99@127.0.0.1:5432/shop", "database.url: the password holds an @"),
        ("postgresql:///shop?password=se%40kret99&schema=public", "no connection option schema"),
    ):
        code, out, err = chatrec("sql", "SELECT 1", CHATREC_DATABASE__URL=url, **variables)
        assert (code, words in err) == (2, True), err
        assert not parts_in("se@kret99", out + err)


def test_a_mapping_mistake_names_the_setting(chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]) -> None:
    migrate(configure())
    for key, select, words in (
        ("items", "SELECT no AS item_id FROM films", "source.items lacks the column title"),
        ("users", "SELEC 1", "source.users is not a SELECT"),
        (
            "interactions",
            "SELECT 1 AS user_id, 2 AS item_id, 'x' AS occurred_at",
            "source.interactions gives occurred_at",
        ),
        ("queries", "SELECT 1 AS user_id, 'x' AS words, now() AS occurred_at", "source.queries lacks the column query"),
    ):
        for verb in ("check", "run"):
            code, out, err = chatrec(verb, **{f"CHATREC_SOURCE__{key.upper()}": select})
            assert code == 2
            assert words in " ".join((out + err).split())


def test_check_lists_all_wrong_selects(chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]) -> None:
    configure()
    wrong = {
        "CHATREC_SOURCE__USERS": "SELECT no FROM nowhere",
        "CHATREC_SOURCE__ITEMS": "SELECT no AS item_id, 7 AS title FROM films",
        "CHATREC_SOURCE__INTERACTIONS": "SELECT customer AS user_id, at AS occurred_at FROM views",
    }
    code, out, _ = chatrec("check", **wrong)
    assert (code, out.count("✗ mapping:")) == (2, 3)
    for words in ("source.users is not a SELECT", "source.items gives title as integer", "lacks the column item_id"):
        assert words in " ".join(out.split())

    bad_casts = {
        "CHATREC_SOURCE__USERS": "SELECT no AS user_id, town::int AS age FROM customers",
        "CHATREC_SOURCE__ITEMS": "SELECT no AS item_id, name AS title, (1 / (no - 50))::text AS x FROM films",
    }
    code, out, _ = chatrec("check", **bad_casts)
    assert (code, out.count("✗ data:")) == (2, 2)
    assert 'source.users fails on your data: invalid input syntax for type integer: "Rome"' in " ".join(out.split())
    assert "source.items fails on your data: division by zero" in " ".join(out.split())


def test_check_counts_and_names_the_setting_that_fits(
    chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]
) -> None:
    configure()
    shop.execute("INSERT INTO films (no, name) VALUES (100, NULL)")
    shop.execute("INSERT INTO views VALUES (1, 1, 'return', -1, '2026-02-01'), (1, 100, 'view', 1, '2026-02-01')")
    shop.execute(
        "INSERT INTO views SELECT customer, film, what, amount, at + interval '1 hour' FROM views WHERE amount > 0"
    )
    shop.execute("UPDATE views SET amount = 22638 WHERE customer = 3")
    shop.execute("UPDATE views SET amount = 1 + film * 0.01 WHERE amount > 0 AND customer <> 3")
    code, out, _ = chatrec("check")
    said = " ".join(out.split())
    assert code == 0
    assert "40 users, 60 items, 936 interactions on 27 days: 24.0 for each of 39 users with any" in said
    assert (
        "In quarantine: 2 rows of interactions (item without a title), 1 row of interactions (weight is not positive), "
        "1 row of items (title is missing)." in said
    )
    assert (
        "39 users with two or more interactions can be held out (39 came back at another time): too few to tell models"
        in said
    )
    assert "ranking.exclude_seen = false" in said
    assert "weight ranges from 1 to 22,638, which looks like an amount" in said
    assert "exclude_seen" not in chatrec("check", CHATREC_RANKING__EXCLUDE_SEEN="false")[1]


def test_check_refuses_an_order_that_is_unknown(
    chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]
) -> None:
    migrate(configure())
    untimed = {"CHATREC_SOURCE__INTERACTIONS": "SELECT customer AS user_id, film AS item_id FROM views"}
    for verb in ("check", "run"):
        code, out, err = chatrec(verb, **untimed)
        assert code == 2
        assert "add the column, or set ranking.target to random" in " ".join((out + err).split())
    code, out, _ = chatrec("check", **untimed, CHATREC_RANKING__TARGET="random")
    assert code == 0
    assert "interactions without times" in " ".join(out.split())


def test_check_refuses_tables_without_valid_rows(
    chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]
) -> None:
    configure()
    code, out, _ = chatrec("check", CHATREC_SOURCE__USERS=SELECTS["users"] + " WHERE false")
    said = " ".join(out.split())
    assert (code, out.count("✗ data:")) == (2, 2)
    assert "source.users gives no valid row (it selects none): correct the SELECT" in said
    assert "source.interactions gives no valid row (468 rows of interactions (unknown user))" in said


@pytest.mark.usefixtures("roles")
def test_a_role_that_may_not_create_schemas_is_told_the_grant(
    chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]
) -> None:
    configure()
    ((database,),) = shop.execute("SELECT current_database()")
    shop.execute("CREATE ROLE newcomer LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO newcomer")
    as_newcomer = {
        "CHATREC_DATABASE__URL": make_url(shop.url).set(username="newcomer").render_as_string(hide_password=False)
    }
    try:
        for verb in (("check",), ("db", "migrate")):
            code, out, err = chatrec(*verb, **as_newcomer)
            assert code == 2
            assert f"GRANT CREATE ON DATABASE {database} TO newcomer" in " ".join((out + err).split())
        shop.execute("CREATE SCHEMA chatrec")
        code, _, err = chatrec("db", "migrate", **as_newcomer)
        assert (code, "GRANT USAGE, CREATE ON SCHEMA chatrec TO newcomer" in " ".join(err.split())) == (2, True)
        assert shop.execute("SELECT to_regclass('public.migrations')") == [(None,)]
        shop.execute("GRANT USAGE, CREATE ON SCHEMA chatrec TO newcomer")
        assert chatrec("db", "migrate", **as_newcomer)[0] == 0
        assert chatrec("check", **as_newcomer)[0] == 0
    finally:
        shop.execute("DROP OWNED BY newcomer CASCADE; DROP ROLE newcomer")


def test_check_shows_what_is_mapped(chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]) -> None:
    migrate(configure())
    assert "queries:" not in chatrec("check")[1]
    queries = "SELECT 1 AS user_id, 'tent' AS query, now() AS occurred_at"
    code, out, _ = chatrec("check", CHATREC_SOURCE__QUERIES=queries)
    assert code == 0
    assert "queries: user_id integer, query text, occurred_at timestamp with time zone" in " ".join(out.split())


def test_a_template_mistake_names_the_setting(chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]) -> None:
    migrate(configure())
    code, out, _ = chatrec("check", CHATREC_TEXT__ITEM="{{ titel }}")
    assert code == 2
    assert "text.item fails: 'titel' is undefined" in " ".join(out.split())


def test_other_id_types_than_the_tables_are_refused(
    chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]
) -> None:
    migrate(configure())
    texts = {
        "CHATREC_SOURCE__USERS": "SELECT no::text AS user_id FROM customers",
        "CHATREC_SOURCE__INTERACTIONS": SELECTS["interactions"].replace("customer", "customer::text"),
    }
    for verb in ("check", "run"):
        code, out, err = chatrec(verb, **texts)
        assert code == 2
        assert "tables were made for user_id of type bigint" in " ".join((out + err).split())


def test_a_stopped_run_exits_with_1_and_says_why(chatrec: Chatrec, finished: Finished) -> None:
    finished.shop.execute("DELETE FROM customers WHERE no > 3")
    code, _, err = chatrec("run")
    assert code == 1
    assert "users read: 4 in this run, 40 live: +90.0% lost, 50% allowed (checks.max_row_drop)" in " ".join(err.split())


def test_rollback(chatrec: Chatrec, finished: Finished) -> None:
    shop = finished.shop
    complete(finished.settings.override({"ranking.top_n": 3}))
    assert len(shop.lists()) == 120
    code, out, _ = chatrec("rollback")
    assert code == 0
    assert re.search(r"after \d+ ms", out)
    assert finished.run.key in out
    assert len(shop.lists()) == 200


def test_each_step_has_a_verb(chatrec: Chatrec, finished: Finished) -> None:
    """For schedulers that are not Airflow: the same lists, step by step in processes of their own."""
    shop = finished.shop
    expected = shop.lists()
    code, key, _ = chatrec("begin")
    assert code == 0
    learning = ("groups", "aigc", "ensemble", "index")
    for step in ("extract", "encoder", "embed", *learning, "rank", "tables", "generate", "gate", "publish"):
        code, out, err = chatrec(step, "--run", key.strip())
        assert code == 0, err
        assert json.loads(out)["step"] == step
    assert shop.lists() == expected
    assert shop.execute("SELECT key, state FROM chatrec.runs WHERE run = (SELECT run FROM chatrec.live_run)") == [
        (key.strip(), "published")
    ]


def test_all_steps_of_a_run_see_the_options_that_it_was_begun_with(chatrec: Chatrec, finished: Finished) -> None:
    code, key, _ = chatrec("begin", "--full", "--dry-run")
    assert code == 0
    assert options_of(Run(finished.settings.artifacts.root, key.strip())) == RunOptions(full=True, dry_run=True)
    code, out, err = chatrec("extract", "--run", key.strip())
    assert code == 0, err
    extracted = json.loads(out)["result"]
    assert extracted["days_read"] == extracted["days"] > 0


def test_init_writes_a_file_that_check_accepts_once_it_is_filled(chatrec: Chatrec, tmp_path: Path) -> None:
    assert chatrec("init", "--url", "postgresql://me@db/shop")[0] == 0
    assert load(tmp_path / "chatrec.toml").database.url == "postgresql://me@db/shop"
    assert chatrec("init")[0] == 2
    assert chatrec("init", "--force")[0] == 0


@pytest.mark.usefixtures("roles")
def test_roles_let_a_reader_read_and_nothing_else(
    chatrec: Chatrec, shop: Shop, configure: Callable[..., Settings]
) -> None:
    settings = configure(database__schema_name="tested")
    migrate(settings)
    complete(settings)
    assert chatrec("db", "roles")[0] == 0
    assert chatrec("db", "roles")[0] == 0
    read = "SET ROLE tested_reader; SELECT count(*) FROM tested."
    assert shop.execute(read + "recommendations") == [(200,)]
    assert shop.execute(read + "recommendations_at((SELECT run FROM tested.live_run))") == [(200,)]
    for table in ("quarantine", "recommendations_by_run"):
        with pytest.raises(Exception, match="permission denied"):
            shop.execute(read + table)
    with pytest.raises(Exception, match="permission denied"):
        shop.execute("SET ROLE tested_reader; UPDATE tested.live_run SET run = NULL")
    shop.execute("DROP OWNED BY tested_reader; REASSIGN OWNED BY tested_writer TO postgres; DROP ROLE tested_reader")
    shop.execute("DROP OWNED BY tested_writer; DROP ROLE tested_writer")
    shop.execute("DROP OWNED BY tested_limited; DROP ROLE tested_limited")


def test_evaluate_needs_no_database(chatrec: Chatrec, tmp_path: Path) -> None:
    """The form that later checks use: every user of the train set gets k unseen candidates."""
    random = np.random.default_rng(0)
    split = tmp_path / "split"
    split.mkdir()
    train = [
        (f"u{u}", f"i{i}", "", n)
        for u in range(30)
        for n, i in enumerate(random.permutation(np.arange(u % 2, 60, 2))[:10])
    ]
    write(split / "train.csv.gz", ["user_id", "item_id", "rating", "ts"], train)
    write(split / "candidates.csv.gz", ["item_id"], [(f"i{i}",) for i in range(55)])
    items = [(f"i{i}", f"Film {i}", "even" if i % 2 == 0 else "odd", "A|B" if i % 3 else "") for i in range(60)]
    write(tmp_path / "items.csv.gz", ["item_id", "title", "text", "groups"], items)
    write(tmp_path / "users.csv.gz", ["user_id", "age"], [(f"u{u}", 20 + u) for u in range(30)])
    small = {
        "CHATREC_ENCODER__MODEL": "local",
        "CHATREC_ADVANCED__ENCODER__LOCAL__LAYERS": "1", "CHATREC_ADVANCED__ENCODER__LOCAL__WIDTH": "32",
        "CHATREC_ADVANCED__ENCODER__LOCAL__TRAIN_TOKENS": "4096", "CHATREC_AIGC__MINUTES": "0",
        "CHATREC_DATABASE__URL": "postgresql://nobody@127.0.0.1:9/nothing", "CHATREC_SOURCE__USERS": "x",
        "CHATREC_SOURCE__ITEMS": "x", "CHATREC_SOURCE__INTERACTIONS": "x",
    }  # fmt: skip
    out = tmp_path / "recs.csv.gz"
    arguments = ["--split", str(split), "--items", str(tmp_path / "items.csv.gz"), "--out", str(out)]
    code, said, err = chatrec("evaluate", *arguments, "--users", str(tmp_path / "users.csv.gz"), "--k", "7", **small)
    assert code == 0, err
    assert said == f"Wrote 210 rows to {out}.\n"
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(out.read_bytes()).decode())))
    assert list(rows[0]) == ["user_id", "rank", "item_id"]
    seen = {(user, item) for user, item, *_ in train}
    assert not seen & {(row["user_id"], row["item_id"]) for row in rows}
    assert {int(row["rank"]) for row in rows} == set(range(1, 8))
    assert max(int(row["item_id"][1:]) for row in rows) < 55
    right = [int(row["item_id"][1:]) % 2 == int(row["user_id"][1:]) % 2 for row in rows]
    assert np.mean(right) > 0.9


def write(file: Path, header: list[str], rows: list[tuple[object, ...]]) -> None:
    with gzip.open(file, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
