"""The site: it builds without a warning and is read without a network."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?([^\"'\s>]+)"
    r"|<link\b(?=[^>]*rel=[\"']?(?:stylesheet|preconnect|preload|icon|modulepreload))[^>]*\bhref=[\"']?([^\"'\s>]+)"
)
"""Addresses that a page loads by itself: scripts, pictures, styles, fonts."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="the group docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_each_document_is_a_page(site: Path) -> None:
    pages = [page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")]
    assert pages
    for page in [*pages, Path("index.html"), Path("contributing.html"), Path("examples/shop.html")]:
        assert (site / page).is_file(), page


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = [first or second for first, second in LOADED.findall(page.read_text(encoding="utf-8"))]
        assert loaded, page
        for address in loaded:
            assert not re.match(r"(https?:)?//", address), (page, address)
            assert address.startswith("data:") or _file(site, page, address).is_file(), (page, address)


def _file(site: Path, page: Path, address: str) -> Path:
    """Only the page of the error 404 is served under any address, and begins with a slash."""
    path = re.sub(r"[?#].*", "", address)
    return site / path[1:] if path.startswith("/") else page.parent / path


def test_styles_load_nothing_from_elsewhere(site: Path) -> None:
    styles = list(site.rglob("*.css"))
    assert styles
    for style in styles:
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"(?:url\(|@import )\s*[\"']?(?:https?:)?//", text), style


def test_the_search_needs_no_server(site: Path) -> None:
    """A page from file:// may not fetch: the index is a script, and a worker an iframe."""
    assert "cold items" in (site / "search" / "search_index.js").read_text(encoding="utf-8").lower()
    home = (site / "index.html").read_text(encoding="utf-8")
    assert "assets/iframe-worker.js" in home
    assert (site / "assets" / "iframe-worker.js").is_file()
