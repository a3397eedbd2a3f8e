"""What happens to the row of a call budget, each as one transaction; the arithmetic is `domain/budget.py`.

Must not know who waits for a ticket, nor how: these functions answer "now" or "not before".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from syncd.domain.budget import Bucket, CallClass, Granted, Wait, admit, recover, unstepped
from syncd.engine.clock_steps import Passing
from syncd.ports import Purpose, StateTx

Correction = Callable[[Bucket, float], Bucket]
"""What an answer of the shop taught: the bucket and the moment in, the corrected bucket out."""
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """What is believed of the shop's call limit until its answers say otherwise.

    `size` is in calls, `leak` in calls a second. `pause_s` is how long nobody asks after a 503 that names no time,
    `turn_s` the longest sleep before a waiting call asks again, `flight_s` how long an answer can take at most.
    """

    size: float = 40.0
    leak: float = 2.0
    pause_s: float = 5.0
    turn_s: float = 10.0
    flight_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for tickets: `calls` calls for `purpose`, which have waited `waited_s` so far."""

    shop_id: int
    purpose: Purpose
    calls: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class Spent:
    """A line of the accounts: what one purpose of one job took, and how long its calls waited in all."""

    job: str
    klass: CallClass
    word: str
    calls: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class Place:
    """Which bucket, and what this process knows of it. `floor` is the least that its counter may stand at; `passing`
    finds out that the database's clock was set."""

    key: str
    rules: BudgetRules
    floor: int
    passing: Passing


def take(tx: StateTx, place: Place, ask: Ask) -> Granted | Wait:
    """Admit the calls and account for them, or say when to ask again. Refusing writes nothing but a clock's step."""
    bucket, t = _held(tx, place)
    answer = admit(bucket, ask.purpose.klass, ask.calls, ask.waited_s, t)
    if isinstance(answer, Wait):
        if answer.bucket is not bucket:
            tx.budget.save(place.key, answer.bucket)
        return answer
    tx.budget.save(place.key, answer.bucket)
    purpose = ask.purpose
    tx.budget.account(
        ask.shop_id,
        purpose.job,
        purpose.klass.value,
        purpose.word,
        answer.calls,
        ask.waited_s,
        int(t // _HOUR_S),
    )
    return answer


def correct(tx: StateTx, place: Place, corrections: Sequence[Correction]) -> None:
    """Take over what answers of the shop taught, oldest first."""
    bucket, t = _held(tx, place)
    for correction in corrections:
        bucket = correction(bucket, t)
    tx.budget.save(place.key, bucket)


def settle_size(tx: StateTx, place: Place) -> None:
    """Take over a size that the settings name anew.

    The row does not tell a size that the shop taught from one that an older setting named, so the room left never
    grows by this: a setting above the truth cannot burst, and the next header of the shop corrects it.
    """
    bucket, t = _held(tx, place)
    size = place.rules.size
    if bucket.size != size:
        now = recover(bucket, t)
        room = max(0.0, now.size - now.level)
        tx.budget.save(place.key, replace(now, size=size, level=min(size, max(now.level, size - room))))


def spent(tx: StateTx, shop_id: int, hours: int) -> list[Spent]:
    """Return what the calls of this hour and the `hours - 1` before it were spent on, the dearest first."""
    since_hour = int(tx.now() // _HOUR_S) - hours + 1
    sums: dict[tuple[str, str, str], tuple[int, float]] = {}
    for _, job, klass, word, calls, waited_s in tx.budget.spent(shop_id, since_hour):
        calls_before, waited_before_s = sums.get((job, klass, word), (0, 0.0))
        sums[job, klass, word] = (calls_before + calls, waited_before_s + waited_s)
    lines = [Spent(job, CallClass(klass), word, *sums[job, klass, word]) for job, klass, word in sums]
    return sorted(lines, key=lambda line: (-line.calls, line.job, line.klass.value, line.word))


def bucket_now(tx: StateTx, key: str) -> Bucket | None:
    """Return the bucket as it is at this moment; None before the first call."""
    stored = tx.budget.load(key)
    return None if stored is None else recover(stored, tx.now())


def mark(tx: StateTx, key: str, floor: int) -> int:
    """The highest ticket granted so far. Counts nothing and writes nothing."""
    stored = tx.budget.load(key)
    return max(floor, 0 if stored is None else stored.granted)


def _held(tx: StateTx, place: Place) -> tuple[Bucket, float]:
    """The stored bucket or a first one, with the leak of the settings and a counter that never falls behind.

    The moment is read after the row is held: before, it could be earlier than what another process just stored.
    Where the clock was set ahead meanwhile, the row goes on from there: what leaked is what really passed.
    """
    key, rules, floor = place.key, place.rules, place.floor
    bucket = tx.budget.load(key)
    t = tx.now()
    past_s = place.passing.since_s(t if bucket is None else bucket.at, t)
    if bucket is not None and (moved := unstepped(bucket, past_s, t)) is not bucket:
        bucket = moved
        tx.budget.save(key, bucket)
    if bucket is None:
        # Stored even if this call has to wait: a first row starts full, and only a stored one leaks.
        bucket = Bucket.first(size=rules.size, leak=rules.leak, t=t)
        tx.budget.save(key, bucket)
    if bucket.leak_full != rules.leak:
        learned = bucket.leak / bucket.leak_full
        bucket = replace(bucket, leak=learned * rules.leak, leak_full=rules.leak)
    if bucket.granted < floor:
        # The state database was lost or is older than the mirror: tickets must stay above every look that the
        # ledger knows.
        bucket = replace(bucket, granted=floor)
    return bucket, t
