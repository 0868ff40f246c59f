"""Connection URLs: what people write, taken apart or refused, and no part of a secret in any message."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.config.connection_url import parameters, url_of
from tests.support.secrets import parts_in

AT = {"user": "u", "password": "geheim", "host": "h", "dbname": "d"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:geheim@h/d", AT),
        ("postgresql://u:geheim@h/d\n", AT),
        ("\t postgres://u:geheim@h/d \r\n", AT),
        ("postgresql+psycopg2://u:geheim@h:/d", AT),
        ("postgresql://u@h/d?password=geheim", AT),
        ("postgresql://h/d?user=u&password=geheim&", AT),
        ("postgresql://u@h/d?password=a@b+c", {**AT, "password": "a@b+c"}),
        *((f"postgresql://u:ge{sign}heim@h/d", {**AT, "password": f"ge{sign}heim"}) for sign in "/#%?[]:;&=+, "),
        ("postgresql://u:1234/x@h/d", {**AT, "password": "1234/x"}),
        ("postgresql://u:ge%40heim@h/d", {**AT, "password": "ge@heim"}),
        ("postgresql://u@server:geheim@h/d", {**AT, "user": "u@server"}),
        ("postgresql://u:geheim@h1:5432,h2:5433/d", {**AT, "host": "h1,h2", "port": "5432,5433"}),
        ("postgresql://u:geheim@h1,h2/d", {**AT, "host": "h1,h2"}),
        ("postgresql://u:geheim@[::1]:5432/d", {**AT, "host": "::1", "port": "5432"}),
        ("postgresql://u:geheim@[fe80::1%25eth0],h2:5/d", {**AT, "host": "fe80::1%eth0,h2", "port": ",5"}),
        ("postgresql://u:geheim@%2Frun%2Fmy%20sock:5433/d", {**AT, "host": "/run/my sock", "port": "5433"}),
        ("postgresql://u:geheim@/d?host=/run/sock", {**AT, "host": "/run/sock"}),
        ("postgresql://u:geheim@h/d?ssl=true", {**AT, "sslmode": "require"}),
        ("postgresql://u:geheim@h/d?options=-csearch_path=app", {**AT, "options": "-csearch_path=app"}),
        ("postgresql://u:geheim@h/d?options=-c+a=b%2B", {**AT, "options": "-c a=b+"}),
        ("postgresql://u:geheim@h/%C3%BC", {**AT, "dbname": "ü"}),
        ("postgresql://", {}),
    ],
)
def test_a_url(url: str, expected: dict[str, str]) -> None:
    assert parameters(url) == expected
    assert parameters(url_of(expected)) == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://u:gehei@mnis@h/d", "the password holds an @ that is not percent-encoded"),
        ("postgresql://u:geheim@@h/d", "the password holds an @"),
        ("postgresql://u:gehei@mnis:geheim@h/d", "the password holds an @"),
        ("postgresql://u:gehei/m@nis@h/d?sslmode=prefer", "the password holds an @"),
        ("postgresql://u:5432?geheim=nis@h/d", "can be read in two ways"),
        ("postgresql://h:5432/d?password=geheim@nis", "can be read in two ways"),
        ("postgresql://h:5432/d?user=u&password=x@geheim&ssl/mode=require", "is not a connection URL"),
        ("postgresql://h:5432/d?user=u&password=x@geheim/d", "can be read in two ways"),
        ("postgresql://u@h/d&password=geheim", "is not a connection URL"),
        ("postgresql://u:geheim@h:port/d", "the port is not a number"),
        ("postgresql://u@h:geheim", "the port is not a number"),
        ("postgresql://u:geheim@h:99999/d", "not a number from 1 to 65535"),
        ("postgresql://u:geheim@h:0/d", "not a number from 1 to 65535"),
        ("postgresql://u:geheim@h:٥٤٣٢/d", "the port is not a number"),
        ("postgresql://u:geheim@h/d?port=geheim", "not a number from 1 to 65535"),
        ("postgresql://u:geheim@h1,h2,h3:1/d?port=1,2", "as many ports as hosts"),
        ("postgresql://u:geheim@h/d?connect_timeout=geheim", "connect_timeout is not a number"),
        ("postgresql://u:geheim@h/d?host=a&host=b", "the option host twice"),
        ("postgresql://u:geheim@h/d?sslmode", "is not a connection URL"),
        ("postgresql://u:geheim@h/d/e", "is not a connection URL"),
        ("postgresql://u:geheim%FF@h/d", "the password is not UTF-8"),
        ("postgresql://u:geheim%00@h/d", "the password holds a NUL"),
        ("postgresql://u:geheim@h/d\npostgresql://u:geheim@h/d", "a line break"),
        ("postgresql://u:gehe\x00im@h/d", "control character"),
        ("mysql://u:geheim@h/d", "must start with postgresql://"),
        ("jdbc:postgresql://u:geheim@h/d", "must start with postgresql://"),
        ("postgresql+asyncpg://u:geheim@h/d", "must start with postgresql://"),
        ("'postgresql://u:geheim@h/d'", "must start with postgresql://"),
        ("host=h password=geheim", "must start with postgresql://"),
        ("u:geheim@h/d", "must start with postgresql://"),
    ],
)
def test_a_wrong_url_says_which_part_and_shows_no_secret(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parameters(url)
    assert not parts_in("geheim", str(caught.value))
    assert not parts_in("mnis", str(caught.value))


@given(st.text(min_size=1), st.sampled_from(["postgresql://u:{}@h:5432/d", "postgresql://u@h/d?a=1&password={}", "{}"]))
def test_any_text_is_taken_apart_or_refused_without_showing_it(secret: str, form: str) -> None:
    """As it is, and percent-encoded, which always works."""
    said = ""
    try:
        parameters(form.format(secret))
    except ValueError as error:
        said = str(error)
    assert len(secret) < 5 or secret not in said
    if form != "{}" and "\x00" not in secret:
        secret = secret.encode(errors="replace").decode()
        assert parameters(form.format(quote(secret, safe="")))["password"] == secret
