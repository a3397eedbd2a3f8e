"""Errors, sorted by what happens next. Foreign exceptions are translated into these once, at the border.

SyncdError                  message, hint (the next command), exit code
├── Fatal                   a person or a programmer must change something; the process says so and ends       1
│   ├── SettingsProblem     a setting is wrong or missing                                                      2
│   ├── UsageProblem        the command's words are wrong                                                      2
│   ├── KeyProblem          the sealing key is missing, too open, or the wrong one                             2
│   └── SchemaProblem       the database is at a revision that this syncd does not know                        1
├── Retry                   it may work later, unchanged (after_s: not before)                                75
│   ├── RemoteDown          no connection, time-out before an answer, 5xx                                     75
│   ├── Throttled           the shop's call limit refused us (429)                                            75
│   ├── LostAnswer          the request left and no whole answer came: a write is in doubt                    75
│   ├── DatabaseBusy        the database is locked or away                                                    75
│   ├── DiskProblem         a file or database cannot be written (full, read-only, gone): a command ends with it;
│   │                       what runs on waits until there is room again                                       1
│   └── RowRefused          the database refuses a row: a constraint, trigger or limit; that record is parked 75
├── LeaseLost               another process works the shop now, or may: this one stops with it                 75
├── NotUnderstood           the shop answered something that is not the documented form; the page is skipped   1
└── NeedsPerson             goes on only after somebody acted; the shop or resource waits                      3
    ├── GrantRevoked        the refresh token is refused: authorise again                                      3
    ├── ScopeMissing        the grant does not cover this resource                                             3
    ├── BrakeOn             more records would change or go than the brake allows                              3
    └── WrongShop           the grant belongs to another company than this shop is bound to                    3
"""


class SyncdError(Exception):
    """Base of all errors that syncd raises on purpose. `hint` is a sentence that ends with the next command."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Fatal(SyncdError):
    """Somebody must change something before it can go on."""


class SettingsProblem(Fatal):
    """A setting is wrong; the message names each key and its fix."""

    exit_code = 2


class UsageProblem(Fatal):
    """The command's words do not fit."""

    exit_code = 2


class KeyProblem(Fatal):
    """The sealing key is missing, readable by others, malformed, or not the one that sealed the vault."""

    exit_code = 2


class SchemaProblem(Fatal):
    """The database is empty, older or newer than this syncd."""


class Retry(SyncdError):
    """May work later without any change; `after_s` seconds is the earliest sensible moment, where known."""

    exit_code = 75

    def __init__(self, message: str, *, hint: str = "", after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.after_s = after_s


class RemoteDown(Retry):
    """The shop cannot be reached, or says that it is out of service."""


class Throttled(Retry):
    """The shop refused the call because of its call limit."""


class LostAnswer(Retry):
    """The request was sent, but no whole answer came back."""


class DatabaseBusy(Retry):
    """The database is locked, restarting or out of reach."""


class DiskProblem(Retry):
    """The disk is full, read-only or gone. Somebody has to see to it, and who waits meanwhile loses nothing."""

    exit_code = 1


class RowRefused(Retry):
    """The database refuses a row for what is in it, or for what is there already; the others are fine."""


class LeaseLost(SyncdError):
    """Our lease of a shop is over: nothing more may be written here or sent there. Whoever holds it now goes on."""

    exit_code = 75


class NotUnderstood(SyncdError):
    """The shop's answer does not have the documented form. `status` is the HTTP status it came with."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Rejected(SyncdError):
    """The shop refused a write for good. `status` is the HTTP status of the refusal."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class NeedsPerson(SyncdError):
    """Waits for a person; other shops and resources go on."""

    exit_code = 3


class GrantRevoked(NeedsPerson):
    """The shop refuses our refresh token; only a new authorisation helps."""


class ScopeMissing(NeedsPerson):
    """The grant does not cover a resource."""


class BrakeOn(NeedsPerson):
    """Too much would change at once."""


class WrongShop(NeedsPerson):
    """The authorised company is not the one this shop is bound to."""
