"""Loading of settings, and errors that name the key."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariable

from chatrec.config.environment import PREFIX, nearest, refuse_wrong_variables
from chatrec.config.section import SECRET
from chatrec.config.settings import Sections
from chatrec.errors import SettingsError

CONFIG_VARIABLE = "CHATREC_CONFIG"
DEFAULT_FILE, DEMO_FILE = Path("chatrec.toml"), Path(".chatrec/chatrec.toml")


class Settings(Sections):
    """All settings of chatrec, complete and validated. `load` reads them."""

    def frozen(self) -> dict[str, Any]:
        """Returns the values that determine the result of a run, without secrets, for the run's record."""
        return self.model_dump(mode="json", exclude=_secrets(self))

    def override(self, changes: Mapping[str, Any]) -> "Settings":
        """Returns a copy with some values changed.

        Args:
            changes: Values by dotted key, such as `{"ranking.top_n": 20}`.

        Raises:
            SettingsError: If a key is unknown or a value is out of bounds.
        """
        values = self.model_dump(exclude_unset=True)
        for key, value in changes.items():
            *tables, name = key.split(".")
            table = values
            for part in tables:
                table = table.setdefault(part, {})
            table[name] = value
        with _readable("the options of this run"):
            return Settings.model_validate(values)


class _FromOutside(Settings, BaseSettings):
    """Settings from the environment, then from a file."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load(file: Path | None = None) -> Settings:
    """Reads the settings from the environment and a TOML file.

    Args:
        file: The TOML file. By default the file named by CHATREC_CONFIG, else `chatrec.toml` in the working directory,
            else the file of `chatrec demo`, else none.

    Raises:
        SettingsError: If the file is missing or not valid TOML, a key is unknown, or a value is out of bounds.
    """
    file = _find(file)
    refuse_wrong_variables()
    values = _read(file) if file else {}

    with _readable(f"{file} or the environment" if file else "the environment"):
        settings = _FromOutside(**values)
    return _absolute(settings, (file.parent if file else Path.cwd()).resolve())


def _find(file: Path | None) -> Path | None:
    named = file or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    if named is None:
        return next((default for default in (DEFAULT_FILE, DEMO_FILE) if default.exists()), None)
    if ":/" in str(named)[2:]:
        raise SettingsError(f"{CONFIG_VARIABLE} and --config name a file, not a URL.")
    if not named.is_file():
        raise SettingsError(f"There is no settings file {named}. `chatrec init` writes one.")
    return named


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.") from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None


def _absolute(settings: Settings, base: Path) -> Settings:
    """Resolves folders relative to the settings file, so that Airflow's workers find the same ones."""
    return settings.override(
        {
            "artifacts.root": base / settings.artifacts.root.expanduser(),
            "database.folder": base / settings.database.folder.expanduser(),
        }
    )


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """Turns pydantic's errors into one SettingsError that names each key."""
    try:
        yield
    except ValidationError as error:
        raise SettingsError(f"In {where}: {'; '.join(_problems(error))}.") from None
    except UnreadableVariable as error:
        raise SettingsError(f"In the environment: {error}.") from None


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(f"{part + 1}" if isinstance(part, int) else part for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield f"unknown setting {key}{nearest(str(problem['loc'][-1]), _siblings(problem['loc']))}"
        else:
            message = problem["msg"].removeprefix("Value error, ")
            yield f"{key}: {message}" if key else message


def _siblings(location: tuple[int | str, ...]) -> list[str]:
    model: Any = Sections
    for part in location[:-1]:
        model = get_args(model)[0] if isinstance(part, int) else model.model_fields[part].annotation
    return list(model.model_fields)


def _secrets(model: BaseModel) -> dict[str, Any]:
    hidden: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            if inner := _secrets(value):
                hidden[name] = inner
        elif field.json_schema_extra == SECRET:
            hidden[name] = True
    return hidden
