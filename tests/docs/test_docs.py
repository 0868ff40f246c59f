"""The documents agree with the code: generated pages are up to date, links work, commands and settings exist."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("examples/*/*.md")]
MOST_LINES = 150
LONG = {"settings.md", "commands.md", "api.md", "ranking.md", "python.md", "database.md"}
"""References, which are looked up and not read."""


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["settings", "commands", "api"])
def test_generated_pages_are_up_to_date(generate: ModuleType, page: str) -> None:
    """`make docs` writes them."""
    assert (generate.REFERENCE / f"{page}.md").read_text(encoding="utf-8") == generate.PAGES[page]()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_commands_exist(page: Path, generate: ModuleType) -> None:
    import typer

    verbs = {name.split()[1] for name, _ in generate._commands(typer.main.get_command(generate.app), "chatrec")}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    text = page.read_text(encoding="utf-8")
    for verb in re.findall(r"(?:`|^|bin/|\) ?\|\| ?|; do )chatrec ([a-z]+)", text, re.M):
        assert verb in verbs, verb
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M):
        assert target in targets, target


def test_every_decision_is_dated_and_numbered() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        assert re.search(r"^20\d\d-\d\d-\d\d$", page.read_text(), re.M), page


def test_pages_are_short_and_have_one_title() -> None:
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        assert len(re.findall(r"^# ", text, re.M)) == 1, page
        if page.name not in LONG:
            assert len(page.read_text(encoding="utf-8").splitlines()) <= MOST_LINES, page


def test_settings_named_in_the_documents_exist() -> None:
    from chatrec.config import load

    values = load().model_dump()
    for page in PAGES:
        for name in re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", page.read_text(encoding="utf-8")):
            section, *keys = name.split(".")
            if section in values:
                value = values[section]
                for key in keys:
                    assert key in value, f"{page.name}: {name}"
                    value = value[key]
