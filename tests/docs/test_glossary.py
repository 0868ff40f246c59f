"""Retired words stay out of documents, docstrings, settings, commands, templates and SQL comments."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
MOST_TERMS = 60
GENERATED = [ROOT / "docs" / "reference" / f"{name}.md" for name in ("settings", "commands")]
ALLOWED: dict[str, str] = {
    "that nobody expected": "a synthetic headline of examples/news, in its printed results",
}
"""Phrases with a retired word that are allowed, each with its reason."""
OPENING = re.compile(r"\A(?:What|Of|Who|Whoever)\s|^ +\w+: (?:of|what)\s", re.M | re.I)
"""Docstrings start with a noun or a verb, and so do descriptions of arguments."""

Text = tuple[str, str]
"""A place, such as a file with a line, and the text there."""


def glossary() -> list[list[str]]:
    rows = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def retired() -> re.Pattern[str]:
    words = [word for row in glossary() for word in re.findall(r"`([^`]+)`", row[2])]
    spaced = [r"\s+".join(map(re.escape, word.split())) for word in words]
    return re.compile(rf"\b(?:{'|'.join(spaced)})s?\b", re.I)


def pages(*files: Path) -> Iterator[Text]:
    for file in files:
        text = file.read_text(encoding="utf-8")
        if file == GLOSSARY:
            text = re.sub(r"\|[^|]*\|$", "|", text, flags=re.M)
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{file.relative_to(ROOT)}:{number}", line


def docstrings(*files: Path) -> Iterator[Text]:
    """Docstrings of modules, classes, functions and attributes."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", text


def sql_comments(*files: Path) -> Iterator[Text]:
    for file in files:
        text = file.read_text(encoding="utf-8")
        for found in re.finditer(r"--.*$|COMMENT ON .* IS\s+'(?:[^']|'')*'", text, re.M):
            yield f"{file.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}", found[0]


def texts(room: str) -> Iterator[Text]:
    folder = ROOT / room
    if room == "papers":
        yield from pages(*ROOT.glob("*.md"), *ROOT.glob(".github/**/*.md"), *ROOT.glob(".github/**/*.yml"))
    elif room == "docs":
        yield from pages(*(page for page in sorted(folder.rglob("*.md")) if page not in GENERATED))
    elif room == "settings and commands":
        yield from pages(*GENERATED)
    elif room == "sql":
        yield from sql_comments(*sorted(folder.rglob("*.sql")))
    elif room == "chatrec":
        yield from docstrings(*sorted(folder.glob("*.py")))
    else:
        yield from docstrings(*sorted(folder.rglob("*.py")))
        yield from pages(*sorted(folder.rglob("*.j2")), *sorted(folder.rglob("*.md")))
        yield from sql_comments(*sorted(folder.rglob("*.sql")))


def packages() -> list[str]:
    folders = (file.parent for file in (ROOT / "chatrec").glob("*/__init__.py"))
    return sorted(str(folder.relative_to(ROOT)) for folder in folders)


PLAIN = ["papers", "docs", "settings and commands", "sql", "plugins", "dags", "examples", "benchmarks", "chatrec"]
ROOMS = [*PLAIN, *packages()]


@pytest.mark.parametrize("room", ROOMS)
def test_retired_words_stay_out(room: str) -> None:
    words = retired()
    found = []
    for place, text in texts(room):
        for phrase in ALLOWED:
            text = text.replace(phrase, "")
        found += [f"{place}: {' '.join(word[0].split())}" for word in words.finditer(text)]
        if ".py:" in place:
            found += [f"{place}: begins {opening[0].strip()!r}" for opening in OPENING.finditer(text)]
    assert not found, "\n".join(found)


def test_the_glossary_is_short_and_each_term_and_retired_word_occurs_once() -> None:
    rows = glossary()
    assert len(rows) <= MOST_TERMS
    assert all(len(row) == 3 and row[0] and row[1] for row in rows)
    terms = [term.lower() for row in rows for term in re.split(r", (?![^(]*\))", row[0])]
    words = [word for row in rows for word in re.findall(r"`([^`]+)`", row[2])]
    assert len(set(terms)) == len(terms)
    assert len(set(words)) == len(words)
    assert not set(terms) & set(words)
