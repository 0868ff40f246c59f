"""The report: one page that needs nothing else, every system in it, every plot a real picture with words for it."""

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from chatrec.models.labels import label
from chatrec.report.html import write_report
from tests.support.evaluations import Evaluated

PLOTS = {"models", "without", "lengths", "exposure"}
EMPTY = {"meta", "img", "source"}


class Page(HTMLParser):
    """The tags of a page, which must be closed in the order in which they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(" ".join(data.split()))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def text(evaluated: Evaluated, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    made = replace(evaluated.evaluation, learning=None, notes=["The learning curve is left out."])
    return write_report(made, evaluated.folder, folder).read_text(encoding="utf-8")


def test_the_page_needs_nothing_beside_it(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert page.of("meta")[1] == {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    assert "prefers-color-scheme: dark" in text
    assert not page.of("script") + page.of("link")
    sources = [
        attributes[name] for _, attributes in page.tags for name in ("src", "srcset", "href") if name in attributes
    ]
    assert all(source and source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in re.sub(r"base64,[^\"]+", "", text)


def test_it_names_every_system_with_its_numbers(text: str, evaluated: Evaluated) -> None:
    evaluation = evaluated.evaluation
    words = Page(text).words
    for system, values in evaluation.systems.items():
        row = words[words.index(label(system), words.index("All models")) :]
        shown = [word for word in row if word][1 : 1 + 10]
        assert shown[:6] == [
            f"{values[f'{name}@10']:.4f}" for name in ("ndcg", "recall", "hr", "mrr", "map", "debiased ndcg")
        ], system
        assert shown[8] == f"{values['gini@10']:.4f}"
    said = " ".join(words)
    assert f"{evaluation.targets:,} targets of {evaluation.users:,} users" in said
    difference, low, high = evaluation.ahead["popularity"]
    assert f"{difference:+.4f} [{low:+.4f}, {high:+.4f}] against popularity" in said
    assert f"{evaluation.systems['ensemble']['ndcg@10 head items']:.4f} / " in said
    assert "The learning curve is left out." in said


def test_the_best_of_a_column_is_marked(text: str, evaluated: Evaluated) -> None:
    marked = re.findall(r"<td><strong>([\d.]+)</strong></td>", text)
    systems = evaluated.evaluation.systems.values()
    for name, best in (("ndcg@10", max), ("novelty@10", max), ("gini@10", min)):
        assert f"{best(values[name] for values in systems):.4f}" in marked


def test_plots_are_pictures_with_words_for_light_and_for_dark_pages(
    text: str, evaluated: Evaluated, tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    write_report(replace(evaluated.evaluation, learning=None), evaluated.folder, folder)
    expected = PLOTS if evaluated.evaluation.without else PLOTS - {"without"}
    assert {file.stem for file in folder.glob("*.png")} == expected
    page = Page(text)
    light = [b64decode((image["src"] or "").partition(",")[2]) for image in page.of("img")]
    dark = [b64decode((source["srcset"] or "").partition(",")[2]) for source in page.of("source")]
    assert len(light) == len(dark) == len(expected)
    assert {file.read_bytes() for file in folder.glob("*.png")} == set(light)
    for one, other in zip(light, dark, strict=True):
        bright, dim = (imread(BytesIO(picture)) for picture in (one, other))
        assert bright.shape == dim.shape
        assert bright.shape[1] == 960
        assert len(np.unique((bright[..., :3] * 255).astype(np.int32) @ (1, 256, 65_536))) > 10  # colours
        assert bright[..., :3].mean() > 0.7 > 0.4 > dim[..., :3].mean()
    described = " ".join(image["alt"] or "" for image in page.of("img"))
    for name, (value, *_) in evaluated.evaluation.ndcg.items():
        assert f"{label(name)} {value:.4f}" in described


def test_the_learning_curve_is_drawn_where_there_is_one(evaluated: Evaluated, tmp_path: Path) -> None:
    learned = replace(evaluated.evaluation, learning={"events": [100, 5000], "loss": [4.0, 3.5]}, notes=[])
    page = write_report(learned, evaluated.folder, tmp_path).read_text(encoding="utf-8")
    assert (tmp_path / "learning.png").exists()
    assert "The loss falls from 4.000 to 3.500 over 5,000 events." in page


def test_names_are_text_and_no_markup(evaluated: Evaluated, tmp_path: Path) -> None:
    odd = replace(evaluated.evaluation, notes=["<script>alert(1)</script> & more"])
    page = write_report(odd, evaluated.folder, tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
