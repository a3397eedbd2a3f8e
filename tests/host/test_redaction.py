"""What must never be read in a log is taken out, whatever way it came in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.secret import Secret
from syncd.host import redaction
from syncd.host.redaction import Redactor

TOKEN = "q7X-fkr_0123456789abcdef.XYZ"


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.know(Secret(TOKEN))
    return made


def shown(redactor: Redactor, **event: object) -> str:
    return json.dumps(redactor(None, "info", dict(event)))


class Custom:
    def __repr__(self) -> str:
        return f"<Custom {TOKEN}>"


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f"x{TOKEN}y",
        f"two: {TOKEN} {TOKEN}",
        {"deep": {"er": [TOKEN, (TOKEN,)]}},
        {TOKEN.lower(): Secret(TOKEN)},
        Secret(TOKEN),
        [Secret(TOKEN)],
        ValueError(f"bad {TOKEN}"),
        Custom(),
        TOKEN.encode(),
    ],
)
def test_a_known_text_is_found_anywhere(redactor: Redactor, value: object) -> None:
    assert TOKEN not in shown(redactor, event="x", fact=value)


@given(st.text(), st.text(min_size=8), st.text())
def test_any_known_text_is_found(before: str, known: str, after: str) -> None:
    redactor = Redactor()
    redactor.know(Secret(known))
    assert known not in redactor.text(before + known + after).replace("***", "\0")


@pytest.mark.parametrize("name", ["access_token", "password", "clientSecret", "Authorization", "api_key"])
def test_what_stands_under_a_telling_name_goes(name: str) -> None:
    assert "hunter2" not in shown(Redactor(), event="x", **{name: "hunter2", "nested": {name: ["hunter2"]}})


def test_numbers_and_record_keys_stay() -> None:
    line = json.loads(shown(Redactor(), event="pull.done", key="north/orders/17", token_age_s=12.5, tokens=2))
    assert line == {"event": "pull.done", "key": "north/orders/17", "token_age_s": 12.5, "tokens": 2}


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2hunter2",
        "GET https://shop/api/tokeninfo?access_token=hunter2hunter2&x=1",
        "https://me/cb?code=hunter2hunter2&companyid=7",
        '{"refresh_token": "hunter2hunter2", "n": 1}',
        "{'refresh_token': 'hunter2hunter2'}",
        "postgresql+psycopg://syncd:hunter2hunter2@db/mirror",
        "basic aHVudGVyMmh1bnRlcjI=hunter2",
    ],
)
def test_what_has_the_form_of_a_secret_goes(text: str) -> None:
    cleaned = Redactor().text(text)
    assert "hunter2" not in cleaned
    assert "***" in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "the status code: 503",
        "a token: none",
        "https://shop.example/api/orders.json?Page=2",
        "12:30:00",
        "a bearer of news",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_short_texts_are_not_remembered() -> None:
    redactor = Redactor()
    redactor.know(Secret("order"))
    redactor.know(Secret(""))
    assert redactor.text("order by") == "order by"


def test_only_the_newest_texts_are_remembered() -> None:
    redactor = Redactor()
    texts = [f"secret-text-{n:08}" for n in range(redaction.KNOWN_MAX + 1)]
    for text in texts[:-1]:
        redactor.know(Secret(text))
    redactor.know(Secret(texts[0]))  # Met again: now the newest.
    redactor.know(Secret(texts[-1]))
    assert redactor.text(texts[0]) == "***"
    assert redactor.text(texts[1]) == texts[1]
    assert redactor.text(texts[-1]) == "***"
