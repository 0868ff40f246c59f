"""Connection URLs of PostgreSQL, and the one place that takes them apart. No error shows a part of a value."""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

SCHEMES = r"(?:postgresql|postgres|postgresql\+psycopg2)://"
HOST = r"(?:\[[^\]/?#@]+\]|[\w.%~-]*)(?::{port})?"
REST = (
    r"(?P<hosts>{host}(?:,{host})*)(?:/(?P<database>[^/?#@&=]*))?(?:\?(?P<query>(?:[A-Za-z_][\w.-]*=[^&]*(?:&|$))*))?"
)
STRICT_USER = r"(?:(?P<user>[^@:/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
RAW_USER = r"(?P<user>[^:/?#]*)(?::(?P<password>.*))?@"
"""A password may hold / # ? and [ as they are, and a user @, as long as the rest is clear."""
OPTION_INSIDE = r"[?&]\w*(?:password|user)="

NUMBERS = ("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
EXPECTED = "expected postgresql://user:password@host:5432/name, with reserved characters percent-encoded (@ is %40)"


def parameters(url: str) -> dict[str, str]:
    """Take a URL apart.

    Args:
        url: The URL. Blanks and line feeds at its ends are ignored, as secret files have them.

    Returns:
        The parameters of the connection, decoded, by libpq's names. Several hosts and ports are separated by commas.

    Raises:
        ValueError: If the URL is wrong. The message names the part and never shows a value.
    """
    url = url.strip()
    scheme = re.match(SCHEMES, url)
    if scheme is None:
        raise ValueError("must start with postgresql://")
    if re.search(r"[\x00-\x1f\x7f]", url):
        raise ValueError("holds a line break or another control character")
    parts = _parts(url[scheme.end() :])
    hosts, ports = _hosts(parts["hosts"] or "")
    given = {
        "user": _decoded("user", parts["user"]),
        "password": _decoded("password", parts["password"]),
        "host": hosts,
        "port": ports,
        "dbname": _decoded("database name", parts["database"]),
    }
    found = {name: value for name, value in given.items() if value} | _options(parts["query"] or "")
    _refuse_wrong_numbers(found)
    return found


def url_of(found: Mapping[str, str]) -> str:
    """Write parameters as a URL, which `parameters` reads back."""
    return "postgresql://?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in found.items())


def validated(url: str) -> str:
    """Return a URL without blanks at its ends, for settings; it may be empty.

    Raises:
        ValueError: If the URL is wrong.
    """
    if url.strip():
        parameters(url)
    return url.strip()


def _parts(rest: str) -> dict[str, str | None]:
    """Match the part after the scheme: as the standard has it, or with reserved characters in the password."""
    strict = re.fullmatch(_pattern(STRICT_USER), rest)
    raw = re.fullmatch(_pattern(RAW_USER), rest)
    if raw and (
        (strict and strict["user"] is None) or (not strict and re.search(OPTION_INSIDE, raw["password"] or ""))
    ):
        raise ValueError(f"can be read in two ways, because of an @ that is not encoded: {EXPECTED}")
    found = strict or raw
    if found is None:
        if re.fullmatch(_pattern(STRICT_USER, port=r"[^/?#@,\[\]]*"), rest):
            raise ValueError(f"the port is not a number: {EXPECTED}")
        raise ValueError(f"is not a connection URL: {EXPECTED}")
    if "@" in (found["password"] or ""):
        raise ValueError(f"the password holds an @ that is not percent-encoded: {EXPECTED}")
    return found.groupdict()


def _pattern(user: str, port: str = r"[0-9]*") -> str:
    return user + REST.replace("{host}", HOST.replace("{port}", port))


def _hosts(text: str) -> tuple[str, str]:
    """Split `h1:5432,[::1]:5433` into hosts and ports."""
    pairs = [re.fullmatch(r"(?:\[(?P<six>.*)\]|(?P<name>[^:]*))(?::(?P<port>.*))?", part) for part in text.split(",")]
    hosts = [_decoded("host", pair["six"] or pair["name"]) or "" for pair in pairs if pair]
    ports = [pair["port"] or "" for pair in pairs if pair]
    return ",".join(hosts).strip(","), ",".join(ports) if any(ports) else ""


def _options(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name in found:
            raise ValueError(f"gives the option {name} twice; several hosts are written host1:5432,host2:5432")
        value = value.replace("+", " ") if name == "options" else value  # as SQLAlchemy writes a blank
        found[name] = _decoded(f"option {name}", value) or ""
    if found.get("ssl") == "true":  # libpq reads it so, too
        del found["ssl"]
        found.setdefault("sslmode", "require")
    return found


def _decoded(part: str, text: str | None) -> str | None:
    try:
        decoded = unquote(text, errors="strict") if text else text
    except UnicodeDecodeError:
        raise ValueError(f"the {part} is not UTF-8 after percent-decoding") from None
    if decoded and "\x00" in decoded:
        raise ValueError(f"the {part} holds a NUL character")
    return decoded


def _refuse_wrong_numbers(found: Mapping[str, str]) -> None:
    ports = found["port"].split(",") if "port" in found else []
    if not all(port == "" or (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536) for port in ports):
        raise ValueError("a port is not a number from 1 to 65535")
    if len(ports) > 1 and len(ports) != len(found.get("host", "").split(",")):
        raise ValueError("has as many ports as hosts, or one port for all")
    for name in NUMBERS:
        if name in found and not re.fullmatch(r"-?[0-9]{1,9}", found[name]):
            raise ValueError(f"the value of the option {name} is not a number")
