"""Pushing the changes of one shop: what is ready leaves, oldest first, records before what depends on them.

Before a write leaves, a line goes into the push journal of the state database: so a crash at any moment leaves a change
that is settled, ready, or known to be in doubt, never lost and never created twice (design section 8).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.domain.backoff import delay
from syncd.domain.capability import Capabilities
from syncd.domain.change import Change, ChangeState, JournalLine, Verb
from syncd.domain.resource import Resource
from syncd.domain.run import Tally
from syncd.engine.creating import Creator
from syncd.engine.hands import BULK, URGENT, Hands, Ways
from syncd.engine.sending import Sender
from syncd.errors import LostAnswer, NotUnderstood, Rejected, RemoteDown, Retry, RowRefused, SyncdError
from syncd.ports import MirrorTx

_BATCH = 50
Look = Callable[[Resource], Awaitable[bool]]
"""A quick look at a resource, for creates in doubt; False where it could not be finished."""
Discover = Callable[[Resource], Awaitable[Capabilities]]
"""What the shop can do with a resource. Raises what the calls raise."""
Claims = Callable[[], Awaitable[None]]
"""Claims what was edited since it was asked last."""


class Pusher:
    """Sends the changes of one shop. `look` pulls a resource by its cheapest feed."""

    def __init__(self, hands: Hands, look: Look, discover: Discover) -> None:
        self._hands = hands
        self._look = look
        self._discover = discover
        self._sender = Sender(hands)
        self._creator = Creator(hands)

    @property
    def sent(self) -> frozenset[int]:
        """The updates and deletes that left so far and are settled."""
        return frozenset(self._sender.sent)

    async def recover(self) -> None:
        """After a crash: a create that may have left is in doubt; an update is simply looked at and, if need be, sent
        again (the same patch is harmless); what never left is ready. What another holder of the lease sent may still be
        under way: it is looked at when that call's time is up. Lines of creates that the mirror knows nothing of
        stay: the mirror may have been restored, and `creating.py` asks them before it sends the like."""
        shop_id = self._hands.shop.id
        lines = await self._hands.disk.state.run(lambda tx: tx.pushes.open(shop_id))
        left = {line.change_id: line for line in lines}
        keys = {line.change_id: line.answer_key for line in lines if line.answer_key}
        now = self._hands.clock.now()

        def sort_out(tx: MirrorTx) -> list[int]:
            for change in tx.outbox.inside(shop_id, ChangeState.SENDING):
                doubt = change.id in left and change.verb is Verb.CREATE and change.id not in keys
                state = ChangeState.IN_DOUBT if doubt else ChangeState.READY
                key = keys.get(change.id, change.key)
                due_at = self._settled_at(left.get(change.id), now)
                tx.outbox.save(shop_id, replace(change, key=key, state=state, due_at=due_at, attempts=0))
            gone = left.keys() - tx.outbox.open(shop_id)
            return sorted(each for each in gone if _is_over(tx, shop_id, left[each]))

        for settled_id in await self._hands.disk.mirror.run(sort_out):
            await self._hands.forget(settled_id)

    def _settled_at(self, line: JournalLine | None, now: datetime) -> datetime:
        """When nothing of what left can be under way any more: at once, unless its sender may still live."""
        if line is None or line.generation == self._hands.generation():
            return now
        return max(now, min(line.sent_at, now) + timedelta(seconds=self._hands.foreign_call_s))

    async def push(
        self, tally: Tally, claim: Claims | None = None, *, only: frozenset[int] | None = None, exactly: bool = False
    ) -> int:
        """Send what is ready and due; `only` restricts it to these changes, which leave `exactly` as they were claimed
        or not at all. `claim` is asked first, and again and again beside a long queue. Returns how many were settled.

        A fault puts its change off and is raised after the transaction that says so: GrantRevoked, Retry,
        ScopeMissing."""
        settled, known, ways = 0, dict[str, Capabilities](), BULK
        self._sender.exactly = only if exactly and only is not None else frozenset()
        while not self._hands.drain.is_set():
            if claim is not None and ways is BULK:
                await claim()
            batch, ways = await self._next(only)
            if not batch:
                break
            for change in batch:
                if self._hands.drain.is_set():
                    return settled
                resource = self._hands.resources[change.resource]
                if resource.name not in known:
                    known[resource.name] = await self._discover(resource)
                caps = self._hands.known(known[resource.name], resource)
                settled += await self._work(change, caps, tally, ways)
        return settled

    async def _next(self, only: frozenset[int] | None) -> tuple[list[Change], Ways]:
        """The changes whose turn it is, and how they go: of a long queue only a part is read at a time."""
        now, shop_id, bulk_from = self._hands.clock.now(), self._hands.shop.id, self._hands.rules.bulk_from
        names, most = list(self._hands.resources), max(_BATCH, bulk_from + 1) if only is None else None

        def read(tx: MirrorTx) -> tuple[list[Change], Ways]:
            turns = tx.outbox.turns(shop_id, names, now, most)
            turns = [each for each in turns if only is None or each in only]
            return tx.outbox.some(shop_id, turns[:_BATCH]), BULK if len(turns) > bulk_from else URGENT

        return await self._hands.disk.reader.run(read)

    async def _work(self, change: Change, caps: Capabilities, tally: Tally, ways: Ways) -> bool:
        resource = self._hands.resources[change.resource]
        try:
            if change.state is ChangeState.IN_DOUBT:
                return await self._doubted(resource, change)
            match change.verb:
                case Verb.UPDATE:
                    return await self._sender.update(resource, change, caps, tally, ways)
                case Verb.CREATE:
                    return await self._creator.create(resource, change, caps, tally, ways)
                case Verb.DELETE:
                    return await self._sender.delete(resource, change, caps, tally, ways)
        except RowRefused as problem:
            tally.parked += 1
            await self._park(change, problem.message)
            return False
        except Rejected as problem:
            tally.parked += 1
            await self._park(change, f"the shop refused it: {problem.message}")
            return False
        except (LostAnswer, NotUnderstood) as problem:
            lost = isinstance(problem, LostAnswer) and change.verb is Verb.CREATE
            await self._put_off(change, problem, ChangeState.IN_DOUBT if lost else ChangeState.READY)
            if isinstance(problem, NotUnderstood):
                return False
            raise
        except Retry as problem:
            doubted = change.state is ChangeState.IN_DOUBT
            await self._put_off(change, problem, ChangeState.IN_DOUBT if doubted else ChangeState.READY)
            raise

    async def _doubted(self, resource: Resource, change: Change) -> bool:
        if not await self._look(resource):
            raise RemoteDown(f"{resource.plural} cannot be looked at for a create in doubt")
        shop_id = self._hands.shop.id
        still = await self._hands.disk.reader.run(lambda tx: tx.outbox.of_row(shop_id, resource.name, change.row_id))
        if still is None or still.id != change.id:
            await self._hands.forget(change.id)
            return True
        return await self._creator.doubted(resource, still)

    async def _park(self, change: Change, reason: str) -> None:
        shop_id, now = self._hands.shop.id, self._hands.clock.now()

        def store(tx: MirrorTx) -> None:
            current = tx.outbox.of_row(shop_id, change.resource, change.row_id) or change
            tx.outbox.save(shop_id, replace(current, state=ChangeState.PARKED, reason=reason))
            tx.outbox.refuse(shop_id, current, reason, now)

        await self._hands.disk.mirror.run(store)
        await self._hands.forget(change.id)
        self._hands.log.warning(
            "push.parked", shop=self._hands.shop.name, resource=change.resource, key=change.key, reason=reason
        )

    async def _put_off(self, change: Change, problem: SyncdError, state: ChangeState) -> None:
        rules, shop_id = self._hands.rules, self._hands.shop.id
        after_s = problem.after_s if isinstance(problem, Retry) else None
        wait_s = delay(
            min(change.attempts, 20), rules.fault_base_s, rules.fault_max_s, self._hands.dice.random(), after_s
        )
        due_at = self._hands.clock.now() + timedelta(seconds=wait_s)

        def store(tx: MirrorTx) -> None:
            current = tx.outbox.of_row(shop_id, change.resource, change.row_id)
            if current is not None and current.id == change.id:
                fresh = state is ChangeState.IN_DOUBT and current.state is not ChangeState.IN_DOUBT
                tries = 0 if fresh else current.attempts
                tx.outbox.save(
                    shop_id, replace(current, state=state, attempts=tries, due_at=due_at, reason=problem.message)
                )

        await self._hands.disk.mirror.run(store)


def _is_over(tx: MirrorTx, shop_id: int, line: JournalLine) -> bool:
    """Whether a line without an open change has nothing more to say: not so for a create that the ledger lacks."""
    if line.verb is not Verb.CREATE:
        return True
    return bool(line.answer_key) and line.answer_key in tx.ledger.find(shop_id, line.resource, [line.answer_key])
