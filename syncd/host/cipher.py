"""Sealing at rest: AES-256-GCM with keys that live outside the database (design section 7).

A sealed text is `v1.<key id>.<nonce>.<ciphertext>`, base64url without padding. Shop, field, generation
and key id are bound in as associated data: a text copied to another row, field or generation does not
open. Knows nothing of where sealed texts are stored, nor of the environment: paths and values are passed
in.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from syncd.domain.secret import Secret
from syncd.errors import KeyProblem

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORM: Final = "v1"
_NEW_KEY_HINT: Final = "Make one with: syncd init"


class KeyRing:
    """Several keys: the first seals, all open. Satisfies `ports.Sealer`."""

    def __init__(self, keys: Sequence[bytes], *, nonce: Callable[[int], bytes] = os.urandom) -> None:
        """Take keys of 32 bytes, the current one first.

        Raises:
            KeyProblem: no key, or one of another length.
        """
        if not keys:
            raise KeyProblem("there is no sealing key", hint=_NEW_KEY_HINT)
        if any(len(key) != KEY_BYTES for key in keys):
            raise KeyProblem(f"a sealing key has {KEY_BYTES} bytes", hint=_NEW_KEY_HINT)
        self._nonce = nonce
        self._keys = {_kid(key): key for key in keys}
        self._first = _kid(keys[0])

    @classmethod
    def of(cls, lines: Sequence[Secret], *, source: str) -> "KeyRing":
        """Build the ring from base64 lines; `source` names them in messages.

        Raises:
            KeyProblem: no line, or one that is not a key.
        """
        return cls([_decoded(line, f"line {n} of {source}") for n, line in enumerate(lines, 1)])

    @property
    def kid(self) -> str:
        """The id of the key that seals. It tells nothing about the key."""
        return self._first

    @property
    def kids(self) -> list[str]:
        """The ids of all keys, the one that seals first."""
        return list(self._keys)

    @property
    def first(self) -> Secret:
        """The key that seals, as a base64 line: for the process that seals a pair in our place."""
        return Secret(base64.urlsafe_b64encode(self._keys[self._first]).decode())

    @property
    def check_value(self) -> str:
        """What to keep beside the vault, so that a wrong key is noticed at start and not at the first
        token.
        """
        return _check(self._keys[self._first])

    def verify(self, check_value: str) -> None:
        """Make sure that the key which made `check_value` is on the ring.

        Raises:
            KeyProblem: it is not.
        """
        if not any(hmac.compare_digest(_check(key), check_value) for key in self._keys.values()):
            sealed_with = check_value.partition(".")[0]
            raise KeyProblem(
                f"the vault was sealed with key {sealed_with}, and the sealing key given is {self._first}",
                hint="Give the key file that this database was set up with (SYNCD_KEY_FILE), or add its line.",
            )

    def seal(self, plain: bytes, *, shop: int, field: str, generation: int) -> str:
        """Seal `plain` with the first key, for this place only."""
        nonce = self._nonce(_NONCE_BYTES)
        bound = _bound(self._first, shop, field, generation)
        ciphertext = AESGCM(self._keys[self._first]).encrypt(nonce, plain, bound)
        return ".".join((_FORM, self._first, _b64(nonce), _b64(ciphertext)))

    def open(self, sealed: str, *, shop: int, field: str, generation: int) -> bytes:
        """Open what was sealed for this very place.

        Raises:
            KeyProblem: not on the ring, damaged, or sealed for another place.
        """
        where = f"{field} of shop {shop}, generation {generation}"
        try:
            form, kid, nonce, ciphertext = sealed.split(".")
            raw_nonce, raw = _unb64(nonce), _unb64(ciphertext)
        except ValueError as error:
            raise _unreadable(where) from error
        if form != _FORM or len(raw_nonce) != _NONCE_BYTES:
            raise _unreadable(where)
        if (key := self._keys.get(kid)) is None:
            raise KeyProblem(
                f"{where} was sealed with key {kid}, which is not among the keys given",
                hint="Add the line of that key to the key file, below the current one.",
            )
        try:
            return AESGCM(key).decrypt(raw_nonce, raw, _bound(kid, shop, field, generation))
        except InvalidTag:
            raise _unreadable(where) from None

    def is_current(self, sealed: str) -> bool:
        """Say whether `sealed` carries the first key, or has to be sealed anew after a rotation."""
        return sealed.startswith(f"{_FORM}.{self._first}.")

    def knows(self, sealed: str) -> bool:
        """Say whether the key that `sealed` was sealed with is on the ring."""
        form, _, rest = sealed.partition(".")
        return form == _FORM and rest.partition(".")[0] in self._keys

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"


def new_key() -> str:
    """Return a new random key as one base64 line."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def _decoded(line: Secret, where: str) -> bytes:
    text = line.reveal().strip().replace("+", "-").replace("/", "_").rstrip("=")
    try:
        key = _unb64(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyProblem(f"{where} is not a sealing key: it must be base64 of {KEY_BYTES} bytes", hint=_NEW_KEY_HINT)
    return key


def _bound(kid: str, shop: int, field: str, generation: int) -> bytes:
    # JSON rather than joined text: no two places can read the same.
    return json.dumps([_FORM, kid, shop, field, generation], separators=(",", ":")).encode()


def _kid(key: bytes) -> str:
    return hmac.digest(key, b"syncd key id", hashlib.sha256).hex()[:8]


def _check(key: bytes) -> str:
    return f"{_kid(key)}.{hmac.digest(key, b'syncd key check', hashlib.sha256).hex()[:16]}"


def _unreadable(where: str) -> KeyProblem:
    return KeyProblem(
        f"{where} cannot be opened: it is damaged, or was copied from another place",
        hint="Authorise the shop again: syncd auth login NAME",
    )


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
