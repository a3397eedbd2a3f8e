"""The respite of a token endpoint that failed: who asks within it hears the same at once, and no call is made.

A shop that is away would otherwise be asked for tokens by each job that falls due. Must not know what an exchange is.
"""

from syncd.domain.backoff import delay
from syncd.engine.pairs import TokenRules
from syncd.errors import NotUnderstood, RemoteDown, Retry, SyncdError, Throttled
from syncd.ports import Clock, Dice


def is_unspent(error: SyncdError) -> bool:
    """Whether the shop cannot have spent the token: nothing arrived, or it turned the request away as a whole."""
    turned_away = isinstance(error, NotUnderstood) and 400 <= error.status < 500
    return turned_away or isinstance(error, RemoteDown | Throttled)


class Respite:
    """How long nobody asks again, in this process. Grows with each failure in a row; the server's own word counts more.

    A token that may have been spent is another matter: its one more try is not put off longer than `again_s`."""

    def __init__(self, clock: Clock, dice: Dice, rules: TokenRules) -> None:
        self._clock = clock
        self._dice = dice
        self._rules = rules
        self._attempts = 0
        self._until_s = 0.0
        self._problem: SyncdError | None = None

    def begin(self, problem: SyncdError) -> None:
        """The endpoint failed, or what stands before it."""
        after_s = problem.after_s if isinstance(problem, Retry) else None
        if is_unspent(problem):
            rules = self._rules
            wait_s = delay(self._attempts, rules.again_s, rules.again_max_s, self._dice.random(), after_s)
            self._attempts += 1
        else:
            wait_s = self._rules.again_s if after_s is None else after_s
        self._until_s, self._problem = self._clock.monotonic() + wait_s, problem

    def end(self) -> None:
        """There is a pair that works."""
        self._attempts, self._until_s, self._problem = 0, 0.0, None

    @property
    def lasts(self) -> bool:
        """Whether it is not over yet."""
        return self._clock.monotonic() < self._until_s

    def problem(self) -> SyncdError | None:
        """What the endpoint would only say again; None where it is to be asked."""
        known, left_s = self._problem, self._until_s - self._clock.monotonic()
        if known is None or left_s <= 0 or not is_unspent(known):
            return None
        if isinstance(known, NotUnderstood):
            return NotUnderstood(known.message, hint=known.hint, status=known.status)
        kind = Throttled if isinstance(known, Throttled) else RemoteDown
        return kind(known.message, hint=known.hint, after_s=left_s)
