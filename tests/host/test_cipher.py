"""What is sealed opens in its place, with its key, and nowhere else."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.secret import Secret
from syncd.errors import KeyProblem
from syncd.host.cipher import KeyRing, new_key
from syncd.ports import Sealer

OLD, NEW = os.urandom(32), os.urandom(32)
HERE = {"shop": 1, "field": "refresh", "generation": 7}


def test_sealed_and_opened() -> None:
    ring: Sealer = KeyRing([NEW])
    sealed = ring.seal(b"tok", **HERE)
    assert ring.open(sealed, **HERE) == b"tok"
    assert sealed.startswith(f"v1.{KeyRing([NEW]).kid}.")
    assert len(sealed.split(".")) == 4
    assert sealed != ring.seal(b"tok", **HERE), "a nonce is used once"


@given(st.binary(max_size=300), st.integers(), st.text(max_size=20), st.integers())
def test_any_bytes_in_any_place(plain: bytes, shop: int, field: str, generation: int) -> None:
    ring = KeyRing([NEW, OLD])
    sealed = ring.seal(plain, shop=shop, field=field, generation=generation)
    assert ring.open(sealed, shop=shop, field=field, generation=generation) == plain


@pytest.mark.parametrize("elsewhere", [{"shop": 2}, {"field": "access"}, {"generation": 8}])
def test_a_text_copied_elsewhere_does_not_open(elsewhere: dict[str, int]) -> None:
    ring = KeyRing([NEW])
    with pytest.raises(KeyProblem, match="damaged, or was copied"):
        ring.open(ring.seal(b"tok", **HERE), **{**HERE, **elsewhere})


def test_after_a_rotation_old_texts_open_and_are_known_as_old() -> None:
    old = KeyRing([OLD]).seal(b"tok", **HERE)
    ring = KeyRing([NEW, OLD])
    assert ring.open(old, **HERE) == b"tok"
    assert not ring.is_current(old)
    assert ring.is_current(ring.seal(b"tok", **HERE))
    with pytest.raises(KeyProblem, match=f"sealed with key {KeyRing([OLD]).kid}, which is not") as caught:
        KeyRing([NEW]).open(old, **HERE)
    assert "key file" in caught.value.hint


@given(st.data())
def test_no_damage_goes_unnoticed(data: st.DataObject) -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal(b"a token of some length", **HERE)
    place = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_.=\u00e9 "))
    damaged = sealed[:place] + letter + sealed[place + 1 :]
    try:
        assert ring.open(damaged, **HERE) == b"a token of some length"
    except KeyProblem:
        pass
    else:
        # The last letter of base64 may carry bits that count for nothing: then nothing was damaged.
        assert place in (len(sealed) - 1, sealed.rindex(".") - 1) or damaged == sealed


@pytest.mark.parametrize("text", ["", "v1", "v1.a.b", "v2.a.b.c", "v1.....", "v1.a.b.c.d", "hello", "v1.kid.é.é"])
def test_what_is_no_sealed_text_is_refused_clearly(text: str) -> None:
    with pytest.raises(KeyProblem):
        KeyRing([NEW]).open(text, **HERE)


def test_a_wrong_key_is_noticed_at_start() -> None:
    check = KeyRing([OLD]).check_value
    KeyRing([NEW, OLD]).verify(check)
    with pytest.raises(KeyProblem, match=KeyRing([OLD]).kid) as caught:
        KeyRing([NEW]).verify(check)
    assert "SYNCD_KEY_FILE" in caught.value.hint


def test_keys_as_lines() -> None:
    line = new_key()
    assert line != new_key()
    sealed = KeyRing.of([Secret(line)], source="here").seal(b"x", **HERE)
    standard = line.replace("-", "+").replace("_", "/").rstrip("=")
    assert KeyRing.of([Secret(standard)], source="here").open(sealed, **HERE) == b"x"
    with pytest.raises(KeyProblem, match="line 2 of here is not a sealing key") as caught:
        KeyRing.of([Secret(line), Secret("c2hvcnQ=")], source="here")
    assert "c2hvcnQ" not in str(caught.value)


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, b""]])
def test_no_ring_without_proper_keys(keys: list[bytes]) -> None:
    with pytest.raises(KeyProblem):
        KeyRing(keys)


def test_the_ring_shows_ids_only() -> None:
    ring = KeyRing([NEW, OLD])
    for key in (NEW, OLD):
        assert key.hex() not in repr(ring)
        assert repr(key) not in repr(ring)
    assert ring.kid in repr(ring)
