"""A hook of mkdocs: adds the pages outside docs/ to the site, and points links at them there."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)]*)?\))")
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "LICENSE": "license.txt",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the README as the home page, and the other documents outside docs/."""
    for source, target in _outside():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrites links that are relative to the repository into links that are relative to the site."""
    targets = dict(_outside())
    here = next((source for source, target in targets.items() if target == page.file.src_uri), None)
    folder = posixpath.dirname(here or f"docs/{page.file.src_uri}")

    def rewritten(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link[2]))
        inside = path.removeprefix("docs/") if path.startswith("docs/") else targets.get(path)
        if inside is None:
            raise ValueError(f"{page.file.src_uri} links to {link[2]}, which is not part of the site")
        return link[1] + posixpath.relpath(inside, posixpath.dirname(page.file.src_uri) or ".") + link[3]

    return LINK.sub(rewritten, markdown)


def _outside() -> Iterator[tuple[str, str]]:
    yield from OUTSIDE.items()
    for readme in sorted(ROOT.glob("examples/*/README.md")):
        yield f"examples/{readme.parent.name}/README.md", f"examples/{readme.parent.name}.md"
    for notebook in sorted(ROOT.glob("examples/*.ipynb")):
        yield (f"examples/{notebook.name}",) * 2
