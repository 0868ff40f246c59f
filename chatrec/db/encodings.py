"""Characters that a database can hold, where its encoding is neither UTF8 nor SQL_ASCII.

PostgreSQL is asked for each character once, because its conversions differ from those of Python.
"""

from typing import Any

import polars as pl
from psycopg2.errors import CharacterNotInRepertoire, UntranslatableCharacter
from sqlalchemy import Engine

from chatrec.db.engine import cursor

HOLDS_ALL = ("UTF8", "SQL_ASCII")
REPLACEMENT = "?"


class Repertoire:
    """The characters that the encoding of a database can hold.

    Args:
        engine: Engine of the database.
        encoding: PostgreSQL's name of the encoding.
    """

    def __init__(self, engine: Engine, encoding: str) -> None:
        self.encoding = encoding
        self.replaced = 0
        """Number of texts in which characters were replaced."""
        self._engine = engine
        self._fits: dict[str, bool] = {}

    def misfits(self, texts: pl.Series) -> pl.Series:
        """Mask of the texts with a character that the database cannot hold."""
        lacking = self._lacking(texts)
        if not lacking:
            return pl.repeat(False, len(texts), eager=True)
        return texts.str.contains_any(lacking).fill_null(False)

    def fitted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Replace characters that the database cannot hold, in all columns of text."""
        for name in (name for name, kind in frame.schema.items() if kind == pl.String):
            if lacking := self._lacking(frame[name]):
                self.replaced += int(self.misfits(frame[name]).sum())
                frame = frame.with_columns(pl.col(name).str.replace_many(dict.fromkeys(lacking, REPLACEMENT)))
        return frame

    def _lacking(self, texts: pl.Series) -> list[str]:
        foreign = texts.drop_nulls().filter(texts.drop_nulls().str.contains(r"[^\x00-\x7f]"))
        characters = sorted(set().union(*foreign) - set(map(chr, range(128))))
        self._ask([character for character in characters if character not in self._fits])
        return [character for character in characters if not self._fits[character]]

    def _ask(self, characters: list[str]) -> None:
        if characters:
            with cursor(self._engine, autocommit=True) as opened:
                self._convert(opened, characters)

    def _convert(self, opened: Any, characters: list[str]) -> None:
        """Convert characters together, and each half alone if that fails."""
        try:
            opened.execute("SELECT convert(%s, 'UTF8', %s)", ("".join(characters).encode(), self.encoding))
        except (UntranslatableCharacter, CharacterNotInRepertoire):
            middle = len(characters) // 2
            if not middle:
                self._fits[characters[0]] = False
                return
            self._convert(opened, characters[:middle])
            self._convert(opened, characters[middle:])
        else:
            self._fits.update(dict.fromkeys(characters, True))


def repertoire_of(engine: Engine) -> Repertoire | None:
    """The characters of a database; None if it holds all."""
    with cursor(engine) as opened:
        encoding = opened.connection.get_parameter_status("server_encoding")
    return None if encoding in HOLDS_ALL else Repertoire(engine, encoding)


def replaced_sentence(repertoire: Repertoire) -> str:
    """Say how many texts were replaced."""
    texts = "1 text has" if repertoire.replaced == 1 else f"{repertoire.replaced:,} texts have"
    return (
        f"{texts} characters that {repertoire.encoding}, the encoding of database.url, cannot hold: {REPLACEMENT} is "
        "written instead. A database in UTF8 holds all."
    )
