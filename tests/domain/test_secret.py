"""A secret stays one, whatever is done with it."""

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.secret import Secret, is_secret_name

TEXT = "hunter2-hunter2"


@dataclass(frozen=True, slots=True)
class Pair:
    access: Secret


@pytest.mark.parametrize(
    "shown",
    [
        str(Secret(TEXT)),
        repr(Secret(TEXT)),
        f"{Secret(TEXT)}",
        f"{Secret(TEXT):>40}",
        f"{Secret(TEXT)!r}",
        "%s" % Secret(TEXT),  # noqa: UP031 - this is the spelling that the test is about
        repr([Secret(TEXT)]),
        repr(Pair(Secret(TEXT))),
        repr(asdict(Pair(Secret(TEXT)))),
    ],
)
def test_no_way_of_showing_it_shows_it(shown: str) -> None:
    assert TEXT not in shown
    assert "***" in shown


def test_it_is_given_out_when_asked_for() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_it_is_neither_pickled_nor_written_as_json() -> None:
    with pytest.raises(TypeError, match="seal it"):
        pickle.dumps(Secret(TEXT))
    with pytest.raises(TypeError):
        json.dumps({"token": Secret(TEXT)})
    with pytest.raises(TypeError):
        vars(Secret(TEXT))


def test_it_does_not_change() -> None:
    secret = Secret(TEXT)
    with pytest.raises(AttributeError) as caught:
        secret._text = "other"
    assert TEXT not in str(caught.value)
    with pytest.raises(AttributeError):
        del secret._text
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret


@given(st.text(), st.text())
def test_two_are_equal_when_their_texts_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) == (one == other)
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one) != one
    assert bool(Secret(one)) == bool(one)


@pytest.mark.parametrize(
    "field",
    [
        "token", "access_token", "refreshToken", "external_access_token", "player_ios_token",
        "player_token_2",
        "password", "password_confirmation", "passwordHash", "Password", "CLIENT_SECRET", "clientSecret",
        "secrets",
        "key", "api_key", "apiKey", "APIKey", "apikey", "x-api-key", "private_key", "licenseKeys",
        "Authorization",
        "pwd", "X-FlickRocket-Access-Token",
    ],
)  # fmt: skip
def test_names_of_secrets(field: str) -> None:
    assert is_secret_name(field)


@pytest.mark.parametrize(
    "field",
    [
        "",
        "title",
        "keywords",
        "monkey",
        "keyboard_layout",
        "turkey",
        "id",
        "email",
        "company",
        "market",
        "stock",
        "notes",
    ],
)
def test_names_of_other_things(field: str) -> None:
    assert not is_secret_name(field)


def test_record_ids_that_are_called_tokens_are_let_through_by_the_caller() -> None:
    assert is_secret_name("customer_token")
    assert not is_secret_name("customer_token", allowed={"token", "customer_token"})
    assert is_secret_name("external_customer_token", allowed={"token", "customer_token"})
