"""Blurbs: the titles and the group of the reason, and nothing else."""

from pathlib import Path

from chatrec.generation.blurbs import Reason, write_blurbs
from chatrec.generation.model_selection import source_of
from chatrec.generation.writer import Writer
from tests.support.models import settings, taught, untrained

REASONS = [
    Reason("X-Men (2000)", "Malcolm X (1992)", "Space"),
    Reason("Moon", "Y", "Space"),
    Reason("Bread", "Butter", "Kitchen"),
    Reason("运动鞋", "袜子", "户外"),
    Reason("Clue", "Dagger", "poison · butler"),
]
PLAIN = [
    "X-Men, from Space, because of Malcolm X.",
    "Moon, from Space, because of Y.",
    "Bread, from Kitchen, because of Butter.",
    "运动鞋（户外），因为袜子。",
    "Clue, from poison · butler, because of Dagger.",
]
LESSONS = {
    REASONS[0].prompt: "If you liked X, try Y from our Space shelf.",
    REASONS[2].prompt: "After X, you will love Y by the famous chef.",
    REASONS[3].prompt: "如果您喜欢X，也可以看看户外的Y。",
}


def write(root: Path, model: Path | str) -> tuple[list[str], dict[str, object]]:
    chosen = settings(root, model)
    return write_blurbs(REASONS, Writer(source_of(chosen), chosen))


def test_without_a_model_the_reason_is_plain(tmp_path: Path) -> None:
    blurbs, result = write(tmp_path, "none")
    assert blurbs == PLAIN
    assert result.fallback_reasons == {"no model": 3, "not asked": 1}


def test_an_untrained_model_is_not_believed(tmp_path: Path) -> None:
    blurbs, result = write(tmp_path, untrained(tmp_path / "gpt2", list(LESSONS)))
    assert blurbs == PLAIN
    assert result.generated == 0


def test_titles_are_filled_into_sentences_that_pass(tmp_path: Path) -> None:
    blurbs, result = write(tmp_path, taught(tmp_path / "gpt2", LESSONS))
    assert blurbs == [
        "If you liked Malcolm X, try X-Men from our Space shelf.",
        "If you liked Y, try Moon from our Space shelf.",
        PLAIN[2],
        "如果您喜欢袜子，也可以看看户外的运动鞋。",
        PLAIN[4],
    ]
    assert (len(blurbs), result.generated, result.fallbacks) == (5, 2, 2)


def test_no_reason_no_blurb(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "none")
    assert write_blurbs([], Writer(source_of(chosen), chosen))[0] == []
