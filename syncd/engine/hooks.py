"""The webhooks that a shop has for us: registered as the settings ask, looked after, taken away when nobody wants them.

Other programs' webhooks are never touched: ours are those that lead to a door of ours. An old one goes before the new
one comes; what is missed in between costs freshness only. Must not know HTTP, nor what is done with a delivery.
"""

from dataclasses import asdict, dataclass, replace
from typing import Final

from syncd.domain.run import Outcome, Run, Tally
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.domain.webhook import Door, Hook, HookPlan, plan_hooks, print_of
from syncd.engine.incoming import Incoming
from syncd.engine.rules import HookRules
from syncd.errors import GrantRevoked, NeedsPerson, NotUnderstood, Rejected, Retry, ScopeMissing
from syncd.ports import Clock, Dice, Disk, Log, RemoteHooks, Sealer, StateTx

SCOPE: Final = "webhooks"
SCOPE_MISSING: Final = f"the scope {SCOPE} was not granted"
_FIELD: Final = "webhook door"
_TOKEN_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Webhooking:
    """Both sides of one shop's webhooks: what is registered there, and what was delivered here."""

    hooks: "Hooks"
    incoming: Incoming

    @classmethod
    def of(
        cls,
        shop: Shop,
        remote: RemoteHooks,
        disk: Disk,
        clock: Clock,
        dice: Dice,
        log: Log,
        sealer: Sealer,
        rules: HookRules,
    ) -> "Webhooking":
        """Both sides on the doors of the house."""
        hooks = Hooks(shop, remote=remote, disk=disk, clock=clock, dice=dice, log=log, sealer=sealer, rules=rules)
        return cls(hooks, Incoming(shop.id, disk, clock, rules))


class Hooks:
    """The webhooks of one shop."""

    def __init__(
        self,
        shop: Shop,
        *,
        remote: RemoteHooks,
        disk: Disk,
        clock: Clock,
        dice: Dice,
        log: Log,
        sealer: Sealer,
        rules: HookRules,
    ) -> None:
        self._shop = shop
        self._remote = remote
        self._disk = disk
        self._clock = clock
        self._dice = dice
        self._log = log
        self._sealer = sealer
        self._rules = rules

    async def check(self) -> Run:
        """Make the shop call us for exactly the topics of the settings. Costs a call when all is well, none where
        nothing is wanted and nothing was registered.

        Where the grant does not cover webhooks that is noted, and is no fault. Raises GrantRevoked."""
        started_at, tally = self._clock.now(), Tally()
        outcome, message = Outcome.DONE, ""
        try:
            message = await self._check(tally)
        except GrantRevoked:
            raise
        except (ScopeMissing, Rejected) as problem:
            message = f"{problem.message} {problem.hint}".strip()
        except (Retry, NotUnderstood) as problem:
            outcome, message = Outcome.LATER, problem.message
        except NeedsPerson as problem:
            outcome, message = Outcome.PERSON, f"{problem.message}. {problem.hint}".strip()
        await self._note(message)
        ended_at = self._clock.now()
        run = Run(self._shop.name, "hooks", "", "", outcome, started_at, ended_at, asdict(tally), message)
        await self._tell(run)
        return run

    async def rotate(self) -> None:
        """A new door: what comes to the old one is refused from now on, and `check` leads the shop to the new one."""
        await self._disk.state.run(lambda tx: tx.webhooks.save_door(self._new_door(tx)))

    async def leave(self) -> int:
        """Take away every webhook of ours at the shop; returns how many there were. Raises what calls raise."""
        removed, _ = await self._bring_about((), "", Tally())
        return removed

    async def address(self) -> Secret | None:
        """The address of the door, None where there is none."""
        door = await self._disk.state.run(lambda tx: tx.webhooks.door(self._shop.id))
        return None if door is None else Secret(self._rules.destination(self._opened(door)))

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _check(self, tally: Tally) -> str:
        """Returns what a person should know."""
        if not self._rules.public_url or not self._rules.topics:
            if await self._disk.state.run(lambda tx: tx.webhooks.hooks(self._shop.id)):
                await self._bring_about((), "", tally)
            return ""
        if self._shop.granted and SCOPE not in self._shop.granted:
            return f"{SCOPE_MISSING}; to ask for it: syncd auth login {self._shop.name}"
        door = await self._disk.state.run(self._door)
        _, refused = await self._bring_about(self._rules.topics, self._opened(door), tally)
        return " ".join(refused)

    def _door(self, tx: StateTx) -> Door:
        """The shop's door, made where there is none."""
        door = tx.webhooks.door(self._shop.id)
        if door is None:
            door = self._new_door(tx)
            tx.webhooks.save_door(door)
        return door

    def _new_door(self, tx: StateTx) -> Door:
        """A door that nobody can guess, with the history of the old one."""
        token = self._dice.token(_TOKEN_BYTES)
        sealed = self._sealer.seal(token.encode(), shop=self._shop.id, field=_FIELD, generation=0)
        now, old = self._clock.now(), tx.webhooks.door(self._shop.id)
        fresh = Door(self._shop.id, sealed, print_of(token), now)
        return fresh if old is None else replace(old, sealed=sealed, print=fresh.print, made_at=now)

    def _opened(self, door: Door) -> str:
        return self._sealer.open(door.sealed, shop=self._shop.id, field=_FIELD, generation=0).decode()

    async def _bring_about(self, topics: tuple[str, ...], token: str, tally: Tally) -> tuple[int, list[str]]:
        """Remove what leads elsewhere, then register what is missing; returns how many were removed, and what the shop
        says of those that it refuses."""
        noted = await self._disk.state.run(lambda tx: tx.webhooks.hooks(self._shop.id))
        door = await self._disk.state.run(lambda tx: tx.webhooks.door(self._shop.id))
        prints = {hook.door for hook in noted} | ({door.print} if door else set())
        destination = self._rules.destination(token) if token else ""
        tally.calls += 1
        listed = await self._remote.listed()
        tally.seen = len(listed)
        ids = [hook.hook_id for hook in noted if hook.hook_id and door is not None and hook.door == door.print]
        plan = plan_hooks(topics, destination, sorted(prints), ids, listed)
        for old in plan.remove:
            tally.calls += 1
            await self._remote.remove(old.hook_id)
        await self._disk.state.run(lambda tx: self._keep(tx, noted, plan, print_of(token)))
        refused = [why for topic in plan.add if (why := await self._register(topic, token, tally))]
        if plan.remove or plan.add:
            removed = [old.topic for old in plan.remove]
            self._log.info("hooks.changed", shop=self._shop.name, added=list(plan.add), removed=removed)
        return len(plan.remove), refused

    def _keep(self, tx: StateTx, noted: list[Hook], plan: HookPlan, print_: str) -> None:
        """Note what the shop has, and forget what it has no more."""
        now = self._clock.now()
        kept = {hook.topic: Hook(hook.topic, hook.hook_id, print_, now) for hook in plan.kept}
        for hook in noted:
            if hook.topic not in kept:
                tx.webhooks.drop_hook(self._shop.id, hook.topic)
        for hook in kept.values():
            tx.webhooks.save_hook(self._shop.id, hook)

    async def _register(self, topic: str, token: str, tally: Tally) -> str:
        """Register one; returns why the shop refuses it, if it does. Its door is noted before: were the answer lost,
        the next check knows it for ours."""
        print_ = print_of(token)

        def note(hook_id: str) -> Hook:
            return Hook(topic, hook_id, print_, self._clock.now())

        await self._disk.state.run(lambda tx: tx.webhooks.save_hook(self._shop.id, note("")))
        tally.calls += 1
        try:
            hook_id = await self._remote.add(topic, Secret(self._rules.destination(token)))
        except Rejected as problem:
            await self._disk.state.run(lambda tx: tx.webhooks.drop_hook(self._shop.id, topic))
            return problem.message
        await self._disk.state.run(lambda tx: tx.webhooks.save_hook(self._shop.id, note(hook_id)))
        return ""

    async def _note(self, said: str) -> None:
        """What `syncd status` shows of the last check."""
        now = self._clock.now()

        def note(tx: StateTx) -> None:
            if said:
                self._door(tx)
            tx.webhooks.note_check(self._shop.id, now, said)

        await self._disk.state.run(note)

    async def _tell(self, run: Run) -> None:
        say = self._log.info if run.outcome is Outcome.DONE and not run.message else self._log.warning
        if run.counts["calls"] or run.message:
            say(f"hooks.{run.outcome.value}", shop=run.shop, calls=run.counts["calls"], message=run.message)
        if run.counts["calls"] or run.outcome is not Outcome.DONE:
            await self._disk.state.run(lambda tx: tx.journal.write(self._shop.id, run))
