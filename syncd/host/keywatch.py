"""The sealing keys as they are now: read again when their file has changed, so that a daemon follows a change.

Somebody may change them at any moment (`syncd auth rekey`). What cannot be read leaves the keys that were read before.
"""

from contextlib import suppress
from pathlib import Path

from syncd.domain.secret import Secret
from syncd.errors import KeyProblem
from syncd.host.cipher import KeyRing
from syncd.host.keyfile import KeySources, find_keys, place_of

_Stamp = tuple[int, int, int] | None


class WatchedKeys:
    """Seals and opens with the keys of the moment (satisfies `ports.Sealer`). Raises KeyProblem as `find_keys` does."""

    def __init__(self, sources: KeySources) -> None:
        self._sources = sources
        self._place = place_of(sources)
        self._stamp = _stamp(self._place)
        self._ring = find_keys(sources)

    @property
    def ring(self) -> KeyRing:
        """The keys of the moment. A look at the file's date costs microseconds, and seals are rare."""
        if (stamp := _stamp(self._place)) != self._stamp and stamp is not None:
            with suppress(KeyProblem):
                self._ring = find_keys(self._sources)
                self._stamp = stamp
        return self._ring

    @property
    def first(self) -> Secret:
        """The key that seals."""
        return self.ring.first

    def seal(self, plain: bytes, *, shop: int, field: str, generation: int) -> str:
        """See `KeyRing.seal`."""
        return self.ring.seal(plain, shop=shop, field=field, generation=generation)

    def open(self, sealed: str, *, shop: int, field: str, generation: int) -> bytes:
        """See `KeyRing.open`."""
        return self.ring.open(sealed, shop=shop, field=field, generation=generation)

    def is_current(self, sealed: str) -> bool:
        """See `KeyRing.is_current`."""
        return self.ring.is_current(sealed)


def _stamp(place: Path | None) -> _Stamp:
    try:
        facts = None if place is None else place.stat()
    except OSError:
        return None
    return None if facts is None else (facts.st_ino, facts.st_mtime_ns, facts.st_size)
