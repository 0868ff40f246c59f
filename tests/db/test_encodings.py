"""Characters that a database cannot hold: PostgreSQL is asked, and says the same as its COPY."""

from collections.abc import Iterator

import polars as pl
import psycopg2
import pytest
from psycopg2 import sql
from sqlalchemy import Engine, create_engine, make_url

from chatrec.db.address import DRIVER
from chatrec.db.copy import copy_in
from chatrec.db.encodings import Repertoire, repertoire_of, replaced_sentence
from chatrec.db.engine import cursor
from tests.support.databases import new_database
from tests.support.readers import engine_of

CHARACTERS = "aé€µμ運動鞋①～〜ｶ👟ß\u0081\ufffd"


@pytest.fixture(params=["LATIN1", "WIN1252", "EUC_JP"])
def engine(server: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database in an encoding."""
    database = new_database(server, f"ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    url = make_url(next(database)).set(drivername=DRIVER)
    made = create_engine(url, client_encoding="utf8")
    yield made
    made.dispose()
    database.close()


def test_what_fits_is_kept_and_the_rest_is_replaced(engine: Engine) -> None:
    repertoire = repertoire_of(engine)
    assert repertoire is not None
    texts = pl.Series("text", [*CHARACTERS, "plain", None, CHARACTERS])
    misfits = repertoire.misfits(texts)
    assert misfits.to_list() == [*(_is_refused(engine, each) for each in CHARACTERS), False, False, True]
    fitted = repertoire.fitted(texts.to_frame())
    assert repertoire.replaced == misfits.sum()
    assert f"{misfits.sum()} texts have characters that {repertoire.encoding}" in replaced_sentence(repertoire)
    expected = ["?" if misfit else text for text, misfit in zip(texts, misfits, strict=True)]
    expected[-1] = "".join(expected[: len(CHARACTERS)])
    assert fitted["text"].to_list() == expected
    with cursor(engine) as opened:
        opened.execute("CREATE TABLE t (text text)")
        copy_in(opened, sql.Identifier("t"), ["text"], [fitted])
        opened.execute("SELECT text FROM t")
        assert [text for (text,) in opened.fetchall()] == expected


def _is_refused(engine: Engine, character: str) -> bool:
    try:
        with cursor(engine) as opened:
            opened.execute("SELECT %s", (character,))
    except psycopg2.DataError:
        return True
    return False


@pytest.mark.parametrize("encoding", ["UTF8", "SQL_ASCII"])
def test_some_databases_hold_all(server: str, encoding: str) -> None:
    database = new_database(server, f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    engine = engine_of(next(database))
    assert repertoire_of(engine) is None
    engine.dispose()
    database.close()


def test_ascii_is_not_asked_for() -> None:
    """Without an engine, a question would fail."""
    assert not Repertoire(None, "LATIN1").misfits(pl.Series(["plain", None])).any()  # type: ignore[arg-type]
