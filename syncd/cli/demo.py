"""`syncd demo`: from nothing to a report, in some seconds."""

import sys
import tempfile
import threading
from collections import Counter, defaultdict
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import examples

if TYPE_CHECKING:
    from syncd.service.demo import Demo, Report

_DAYS = 14
_PRODUCTS = 8


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", epilog=examples("syncd demo", "syncd demo --keep"))(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Let the simulated shop stay up until Ctrl-C.")] = False,
) -> None:
    """Mirror a simulated shop, change it, and report on it in SQL.

    Needs no account and touches nothing of yours: it works in a new folder, which stays for you to look into.
    """
    from syncd.cli.progress_bar import ProgressBar
    from syncd.service.demo import Demo
    from syncd.service.session import perform

    folder = Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    with Demo(folder) as shown:
        bar = ProgressBar() if sys.stderr.isatty() else None
        step = bar.say if bar else screen.note
        with bar or nullcontext():
            report = perform(shown.loaded, lambda house: shown.play(house, step), watcher=bar)
        _show(report)
        if keep:
            _stay(shown)


def _show(report: "Report") -> None:
    from syncd.service.words import amount

    records = sum(run.counts["inserted"] for run in report.filled.runs)
    screen.say()
    screen.say(f"{amount(records, 'record')} mirrored in {report.filled_s:.1f} s.")
    edit = report.edit
    screen.say(f"Product {edit.key}: {edit.before!r} became {edit.after!r}")
    screen.say(f"in the mirror {edit.took_s:.2f} s after the edit in the shop, for {amount(edit.calls, 'call')}.")
    sent = report.sent
    screen.say(f"Product {sent.key}: {sent.before!r} became {sent.after!r}")
    screen.say(f"in the shop {sent.took_s:.2f} s after the UPDATE in the mirror, for {amount(sent.calls, 'call')}.")
    screen.say()
    _days(report)
    _products(report)
    _budget(report)
    screen.heading("Ask it yourself")
    screen.say(f"sqlite3 {report.mirror}")
    screen.say("  SELECT * FROM sales_per_day ORDER BY day DESC LIMIT 7;")
    screen.say("  SELECT status, count(*) FROM orders GROUP BY status;")
    screen.say("  SELECT email, revenue_cents / 100.0 FROM customer_value ORDER BY 2 DESC LIMIT 5;")
    screen.say()
    screen.next_step("syncd init    (your own shop)")


def _days(report: "Report") -> None:
    from syncd.service.words import money

    orders: Counter[str] = Counter()
    takings: dict[str, Counter[str]] = defaultdict(Counter)
    for line in report.days:
        orders[line.day] += line.orders
        takings[line.day][line.currency] += line.revenue_cents
    main = _main_currency(report)
    days = sorted(orders)[-_DAYS:]
    most = max((orders[day] for day in days), default=1)
    rows = [(day, orders[day], screen.bar(orders[day] / most), money(takings[day][main])) for day in days]
    screen.heading(f"Sales per day: orders of all currencies, revenue in {main}")
    screen.say(screen.table(("day", "orders", "", "revenue"), rows))


def _main_currency(report: "Report") -> str:
    """The currency in which most was earned; sums over several would mean nothing."""
    earned: Counter[str] = Counter()
    for line in report.days:
        earned[line.currency] += line.revenue_cents
    return earned.most_common(1)[0][0] if earned else ""


def _products(report: "Report") -> None:
    from syncd.service.words import money

    main = _main_currency(report)
    best = [line for line in report.products if line.currency == main][:_PRODUCTS]
    most = max((line.revenue_cents for line in best), default=1)
    rows = [(line.title, line.items, screen.bar(line.revenue_cents / most), money(line.revenue_cents)) for line in best]
    screen.heading(f"Top products: sold and earned in {main}")
    screen.say(screen.table(("product", "sold", "", "revenue"), rows))


def _budget(report: "Report") -> None:
    rows = [(line.job, line.klass.value, line.word, f"{line.calls:,}", f"{line.waited_s:.1f}") for line in report.spent]
    screen.heading("What the call budget was spent on")
    screen.say(screen.table(("job", "class", "for", "calls", "waited s"), rows))


def _stay(shown: "Demo") -> None:
    screen.say(f"The shop stays up at {shown.server.url} until Ctrl-C. In another terminal:")
    screen.say(f"  syncd --config {shown.folder / 'syncd.toml'} status")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
