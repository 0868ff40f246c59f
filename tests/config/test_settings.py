"""Settings: where values come from, and errors that name the key."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from chatrec.config import load, template
from chatrec.config.settings import Sections
from chatrec.config.template import descriptions
from chatrec.errors import SettingsError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHATREC_CONFIG", raising=False)


def write(text: str) -> Path:
    file = Path("chatrec.toml")
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_file_there_is_an_embedded_database_and_no_mapping() -> None:
    settings = load()
    assert settings.database.url == ""
    assert settings.source.users == settings.source.items == settings.source.interactions == ""


def test_the_file_of_the_demo_is_found_where_there_is_no_other() -> None:
    from chatrec.demo.show import settings_of

    made = settings_of(None)
    assert load() == made
    assert "shop.users" in made.source.users
    assert made.database.folder == Path(".chatrec/postgres").resolve()
    write("[ranking]\ntop_n = 7\n")
    assert load().source.users == ""
    assert settings_of(None) == made


def test_the_file_is_found_here_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("[ranking]\ntop_n = 7\n")
    assert load().ranking.top_n == 7
    other = tmp_path / "other.toml"
    other.write_text("[ranking]\ntop_n = 8\n")
    assert load(other).ranking.top_n == 8
    monkeypatch.setenv("CHATREC_CONFIG", str(other))
    assert load().ranking.top_n == 8


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write("[ranking]\ntop_n = 7\nexclude_seen = false\n[advanced.encoder]\nlayer = 3\nprompt = ' In short:'\n")
    monkeypatch.setenv("CHATREC_RANKING__TOP_N", "9")
    monkeypatch.setenv("CHATREC_ADVANCED__ENCODER__LAYER", "2")
    settings = load()
    assert (settings.ranking.top_n, settings.ranking.exclude_seen) == (9, False)
    assert (settings.advanced.encoder.layer, settings.advanced.encoder.prompt) == (2, " In short:")
    assert (settings.encoder_config.layer, settings.encoder_config.model) == (2, "auto")


def keys(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    """All keys and their types."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{path}{name}.")
        else:
            yield f"{path}{name}", field.annotation


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e300, 10**30, "a\0", "caf\udce9"])
def test_values_that_no_library_takes_are_refused(value: float | str) -> None:
    settings, wrong = load(), str if isinstance(value, str) else (int, float)
    for key, kind in keys(Sections):
        if isinstance(kind, type) and issubclass(kind, wrong) and kind is not bool:
            with pytest.raises(SettingsError, match=key.replace(".", r"\.")):
                settings.override({key: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CHATREC_FAIRNESS__AUDIT", "age", 'CHATREC_FAIRNESS__AUDIT: write a JSON list, such as ["age"].'),
        ("CHATREC_SOURCE__ITEM_ATTRIBUTES", "seller", "ITEM_ATTRIBUTES: write a JSON list"),
        ("CHATREC_RULES__DENY", "adult", 'CHATREC_RULES__DENY: write a JSON list, such as [{"name": "first"}].'),
        ("CHATREC_RULES__PINS", "[" * 100_000, "CHATREC_RULES__PINS: write a JSON list"),
        ("CHATREC_RULES__REPEAT", "never", "write a variable for each key, such as CHATREC_RULES__REPEAT__POLICY"),
        ("CHATREC_RANKING", "", "write a variable for each key, such as CHATREC_RANKING__TARGET, or a JSON object"),
        ("chatrec_fairness__audit", "age", "chatrec_fairness__audit: write a JSON list"),
        ("CHATREC_FAIRNESS__AUDIT", "7", "In the environment: fairness.audit: "),
        ("CHATREC_RANKING__NEW_ITEM_DAYS", "inf", "ranking.new_item_days: Input should be a finite number"),
        ("CHATREC_DATABASE__URL__X", "1", "In the environment: "),
    ],
)
def test_a_variable_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=re.escape(message)):
        load()


def test_lists_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATREC_FAIRNESS__AUDIT", '["age", "town"]')
    monkeypatch.setenv("CHATREC_RULES__DENY", '[{"name": "a", "groups": ["Tea"]}]')
    monkeypatch.setenv("CHATREC_RANKING", '{"top_n": 7}')
    settings = load()
    assert settings.fairness.audit == ("age", "town")
    assert (settings.rules.deny[0].groups, settings.ranking.top_n) == (("Tea",), 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[ranking]\ntopn = 7", r"unknown setting ranking\.topn \(did you mean top_n\?\)"),
        ("[rankings]\ntop_n = 7", r"unknown setting rankings \(did you mean ranking\?\)"),
        ("[advanced.encoder.local]\nlayer = 1", r"unknown setting advanced\.encoder\.local\.layer .*mean layers\?\)"),
        ("[advanced.encoder]\nlayers = 1", r"unknown setting advanced\.encoder\.layers \(did you mean layer\?\)"),
        ("[advanced.encoder]\nlayer = -1", r"advanced\.encoder\.layer: Input should be greater than or equal to 0"),
        ("[advanced.indexes]\nrecall = 1", r"unknown setting advanced\.indexes \(did you mean index\?\)"),
        ("[ranking]\ntop_n = 0", r"ranking\.top_n: Input should be greater than or equal to 1"),
        ("[groups]\nsource = 'magic'", r"groups\.source: Input should be 'auto', 'categories' or 'kmeans'"),
        ("[ranking\ntop_n = 7", "is not valid TOML"),
        ("[source]\ngroups_separator = ''", r"source\.groups_separator: String should have at least 1 character"),
        ("[advanced.publish]\ndrain_seconds = inf", r"advanced\.publish\.drain_seconds: Input should be a finite"),
        ("[rules.freshness]\nhalf_life = 5e-324", r"rules\.freshness\.half_life: Input should be greater"),
        ("[database]\nurl = 'mysql://u:geheim@h/d'", r"database\.url: must start with postgresql://"),
        ("[database]\nurl = 'postgresql://u:geheim@h/d'", r"source\.interactions, source\.items, source\.users"),
        ("[database]\nurl = 'postgresql://u:a@geheim@h/d'", r"database\.url: the password holds an @"),
        ("[source]\nurl = 'postgresql://u:geheim@h:x/d'", r"source\.url: the port is not a number"),
        ("[pages]\nurl = 'postgresql://u:geheim@h:99999/d'", r"pages\.url: a port is not a number from 1 to 65535"),
        ("[database]\nurl = postgresql://u:geheim@h/d", "is not valid TOML"),
        ("database = 'postgresql://u:geheim@h/d'", "database: Input should be a valid dictionary"),
    ],
)
def test_what_is_wrong_is_named_and_no_value_is_shown(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        load(write(text))
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("variable", ["CHATREC_DATABASE", "CHATREC_DATABASE__URL__X", "CHATREC_CONFIG"])
def test_a_url_in_the_wrong_variable_is_not_shown(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "postgresql://u:geheim@h/d")
    with pytest.raises(SettingsError) as caught:
        load()
    assert "geheim" not in str(caught.value)


def test_unknown_variables_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATREC_RANK__TOP_N", "3")
    with pytest.raises(SettingsError, match=r"CHATREC_RANK__TOP_N names no section .*did you mean ranking"):
        load()


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(SettingsError, match=r"no settings file nowhere\.toml"):
        load(Path("nowhere.toml"))


def test_override_checks_like_a_file() -> None:
    settings = load()
    assert settings.override({"ranking.top_n": 3}).ranking.top_n == 3
    assert settings.ranking.top_n == 10
    with pytest.raises(SettingsError, match="top_n"):
        settings.override({"ranking.top_n": 0})
    changed = settings.override({"advanced.encoder.layer": 3}).override({"advanced.encoder.local.layers": 2})
    assert (changed.advanced.encoder.layer, changed.advanced.encoder.local.layers) == (3, 2)
    with pytest.raises(SettingsError, match=r"advanced\.aigc\.width"):
        settings.override({"advanced.aigc.width": -1})


def test_override_does_not_read_the_environment_again(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load()
    monkeypatch.setenv("CHATREC_RANKING__TOP_N", "9")
    assert settings.override({}).ranking.top_n == 10


def test_folders_are_relative_to_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "chatrec.toml").write_text("[artifacts]\nroot = 'files'\n")
    assert load(folder / "chatrec.toml").artifacts.root == folder / "files"


def test_secrets_are_not_part_of_a_runs_record() -> None:
    text = "[database]\nurl = 'postgresql://u:geheim@h/d'\n[source]\nusers = 'a'\nitems = 'b'\ninteractions = 'c'\n"
    settings = load(write(text))
    assert "geheim" not in str(settings.frozen())
    assert "geheim" not in repr(settings)


def test_the_template_is_valid_and_says_the_defaults() -> None:
    """Uncommenting every line gives the defaults."""
    text = template()
    everything = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = " in line and line[2:3].islower() else line
        for line in text.splitlines()
    )
    assert load(write(text)).frozen() == load(write("")).frozen() | {"source": load(write(text)).frozen()["source"]}
    for name in Sections.model_fields:
        assert f"[{name}]" in everything


def test_every_setting_says_what_it_is() -> None:
    def walk(model: type[BaseModel], path: str) -> None:
        described = descriptions(model)
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                assert field.annotation.__doc__, f"{path}{name}"
                walk(field.annotation, f"{path}{name}.")
            else:
                assert described.get(name), f"{path}{name}"

    walk(Sections, "")
