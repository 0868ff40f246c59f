"""Addresses of databases: URLs of the settings, checked by libpq, shown without secrets, or as arguments to connect."""

from typing import Any

from sqlalchemy import URL

from chatrec.config.connection_url import parameters, url_of
from chatrec.db import libpq
from chatrec.errors import SettingsError

DRIVER = "postgresql+psycopg2"
PLACE = ("user", "password", "host", "port", "dbname")
SECRET_OPTIONS = ("sslpassword",)
DEFAULTS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 120_000,
}
"""A connection that is cut without a word is noticed within two minutes; Linux waits for over two hours."""
REMEDIES = {
    "schema": "database.schema_name names the schema of chatrec's tables; write those of your own into the SELECTs, or "
    "options=-csearch_path%3Dname.",
    "ssl": "Write sslmode=require.",
}


def address(setting: str, url: str) -> URL:
    """Read a URL of the settings.

    Args:
        setting: Name of the setting.
        url: The URL.

    Raises:
        SettingsError: If the URL is wrong. Names the setting and the part, and shows no value.
    """
    try:
        given = parameters(url)
    except ValueError as error:
        raise SettingsError(f"{setting} is not valid: {error}.") from None
    _refuse_wrong_options(setting, {name: value for name, value in given.items() if name not in PLACE})
    host, port, query = given.pop("host", ""), given.pop("port", ""), dict(given)
    user, password, name = (query.pop(part, None) for part in ("user", "password", "dbname"))
    if host and not any(sign in host + port for sign in ",/"):
        return URL.create(DRIVER, user, password, host, int(port) if port else None, name, query)
    if "," in host and port and "," not in port:
        port = ",".join([port] * len(host.split(",")))
    several = {part: text for part, text in (("host", host), ("port", port)) if text}
    return URL.create(DRIVER, user, password, database=name, query={**query, **several})


def shown(url: URL) -> str:
    """Write a URL without its secrets."""
    return url.difference_update_query(SECRET_OPTIONS).render_as_string(hide_password=True)


def arguments(url: URL) -> dict[str, Any]:
    """Arguments of `psycopg2.connect`; options of the URL come before the defaults."""
    return {**DEFAULTS, **_given(url)}


def without_secrets(url: URL) -> str:
    """Write a URL for the arguments of a program, which all users of the machine can read."""
    return url_of(
        {name: str(value) for name, value in _given(url).items() if name not in ("password", *SECRET_OPTIONS)}
    )


def _given(url: URL) -> dict[str, Any]:
    named = {"user": url.username, "password": url.password, "host": url.host, "port": url.port, "dbname": url.database}
    return {**{name: value for name, value in named.items() if value}, **url.query}


def _refuse_wrong_options(setting: str, options: dict[str, str]) -> None:
    if libpq.accepts(options):
        return
    for name, value in options.items():
        if not libpq.has_option(name):
            remedy = REMEDIES.get(name, "Remove it.")
            raise SettingsError(f"{setting}: PostgreSQL has no connection option {name}. {remedy}")
        if not libpq.accepts({name: value}):
            raise SettingsError(f"{setting}: the value of the connection option {name} is not valid.")
    names = f"its options ({', '.join(options)}), or those" if options else "the connection options"
    raise SettingsError(f"{setting}: {names} of the environment (PGSERVICE, PGSSLMODE, …), are not valid together.")
