"""A change of the sealing key, beside a daemon at work: a new key seals, everything is sealed anew, the old one goes.

Each step leaves everything openable: the key file is replaced as a whole and keeps the older keys, each text is
replaced in a transaction of its own, and the older keys are dropped only when nothing needs them. So a kill at any
moment costs no more than doing the rest again. Must not show a key or what it seals.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from syncd.domain.sealed import SealedText
from syncd.domain.token import SealedTokens
from syncd.errors import KeyProblem, UsageProblem
from syncd.host.cipher import KeyRing
from syncd.host.keyfile import add_key, drop_older_keys
from syncd.host.lock import FileLock
from syncd.ports import StateTx
from syncd.service.wire import House

LOCK: Final = "rekey.lock"
_SPILLED: Final = "spilled pairs"
_PASSES: Final = 5


@dataclass(slots=True)
class Rekeyed:
    """What was done: the id of the key that seals, whether it is new, what was sealed anew, what no key opens."""

    kid: str
    is_new: bool
    older: int
    anew: Counter[str] = field(default_factory=Counter)
    unopened: list[str] = field(default_factory=list)
    dropped: int = 0


async def rekey(house: House, *, fresh: bool = True, drop: bool = False) -> Rekeyed:
    """Make a new key if `fresh`, unless an earlier change is unfinished, and seal everything anew; `drop` the older.

    Raises KeyProblem where the key cannot be changed here, UsageProblem where somebody else is at it."""
    with _alone(house):
        is_new = fresh and not drop and not await _is_unfinished(house)
        if is_new:
            add_key(_file(house))
        ring = house.keys.ring
        done = Rekeyed(ring.kid, is_new, len(ring.kids) - 1)
        await _seal_anew(house, ring, done)
        if drop and done.older:
            drop_older_keys(_file(house))
            done.dropped, done.older = done.older, 0
            await _seal_anew(house, ring, done)  # whoever sealed in this very moment did so with the older key
        return done


@contextmanager
def _alone(house: House) -> Iterator[None]:
    lock = FileLock(house.loaded.home / LOCK)
    if not lock.try_acquire():
        raise UsageProblem("somebody else changes the sealing key at this moment", hint="syncd auth rekey")
    with lock:
        yield


def _file(house: House) -> Path:
    """The key file, if it is ours to change. Raises KeyProblem."""
    file = house.loaded.key_sources.key_file
    if file is None:
        raise KeyProblem(
            "the sealing key is handed to syncd (credential, container secret or SYNCD_KEY), which cannot change it",
            hint="Put a new first line into it (openssl rand -base64 32), above the old one, and start the daemon"
            " again; then: syncd auth rekey --reseal",
        )
    return file


async def _is_unfinished(house: House) -> bool:
    """Whether something is still sealed with an older key of the ring: a change was interrupted."""
    ring = house.keys.ring
    texts = [text.text for text in await _texts(house)]
    texts += [sealed for row in house.spill.rows() for sealed in (row.access, row.refresh)]
    return any(not ring.is_current(text) and ring.knows(text) for text in texts)


async def _texts(house: House) -> list[SealedText]:
    return await house.disk.state.run(lambda tx: tx.seals.all())


async def _seal_anew(house: House, ring: KeyRing, done: Rekeyed) -> None:
    """Until a whole look finds nothing that could still be sealed anew."""
    for _ in range(_PASSES):
        done.unopened = []
        texts, spilled = await _texts(house), house.spill.rows()
        old = [text for text in texts if not ring.is_current(text.text)]
        rows = [row for row in spilled if not (ring.is_current(row.access) and ring.is_current(row.refresh))]
        count = done.anew.total()
        for shop_id in sorted({text.shop_id for text in old} | {row.shop_id for row in rows}):
            # No exchange of this shop is under way then: the next one seals with the new key.
            async with house.lock.hold(shop_id):
                await _one_shop(house, ring, done, [text for text in old if text.shop_id == shop_id])
                _spilled(house, ring, done, shop_id)
        if done.anew.total() == count:
            return


async def _one_shop(house: House, ring: KeyRing, done: Rekeyed, old: Sequence[SealedText]) -> None:
    for before in old:
        try:
            text = _anew(ring, before)
        except KeyProblem:
            done.unopened.append(f"{before.place} of shop {before.shop_id}")
            continue
        # Where it has changed since we read it, the next look finds what it is now.
        if await house.disk.state.run(partial(_replace, before=before, text=text)):
            done.anew[before.place] += 1


def _replace(tx: StateTx, before: SealedText, text: str) -> bool:
    return tx.seals.replace(before, text)


def _spilled(house: House, ring: KeyRing, done: Rekeyed, shop_id: int) -> None:
    for row in house.spill.rows():
        if row.shop_id != shop_id or (ring.is_current(row.access) and ring.is_current(row.refresh)):
            continue
        try:
            house.spill.append(_row_anew(ring, row))
        except KeyProblem:
            done.unopened.append(f"{_SPILLED} of shop {shop_id}")
        else:
            done.anew[_SPILLED] += 1


def _row_anew(ring: KeyRing, row: SealedTokens) -> SealedTokens:
    access = SealedText(_SPILLED, row.shop_id, "access", row.generation, row.access)
    refresh = SealedText(_SPILLED, row.shop_id, "refresh", row.generation, row.refresh)
    return replace(row, access=_anew(ring, access), refresh=_anew(ring, refresh))


def _anew(ring: KeyRing, sealed: SealedText) -> str:
    plain = ring.open(sealed.text, shop=sealed.shop_id, field=sealed.field, generation=sealed.generation)
    return ring.seal(plain, shop=sealed.shop_id, field=sealed.field, generation=sealed.generation)
