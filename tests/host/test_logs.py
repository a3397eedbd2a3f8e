"""One line per event, of a form that machines or people can read, without secrets and without floods."""

import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from syncd.domain.secret import Secret
from syncd.host.logs import configure, unconfigure

TOKEN = "tok-0123456789abcdef"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in ("", "httpx", "apscheduler", "sqlalchemy")}
    raising = logging.raiseExceptions
    yield
    unconfigure()
    logging.raiseExceptions = raising
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_where_nobody_watches() -> None:
    out = io.StringIO()
    configure(stream=out)
    structlog.get_logger("syncd.pull").info("pull.done", shop="north", pages=3, title="Grün")
    (line,) = lines(out)
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "pull.done", "level": "info", "logger": "syncd.pull", "shop": "north", "pages": 3, "title": "Grün",
    }  # fmt: skip


def test_colours_on_a_terminal_unless_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    configure(stream=out)
    structlog.get_logger().info("pull.done", pages=3)
    assert "\x1b[" in out.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    configure(stream=out)
    structlog.get_logger().info("pull.done", pages=3)
    assert "\x1b[" not in out.getvalue()
    assert "pages=3" in out.getvalue()


def test_the_level_counts_and_a_wrong_one_is_named() -> None:
    out = io.StringIO()
    configure(stream=out, level="warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(out)] == ["loud"]
    with pytest.raises(ValueError, match="chatty"):
        configure(level="chatty")


def test_the_standard_library_goes_the_same_way() -> None:
    out = io.StringIO()
    configure(stream=out)
    logging.getLogger("some.library").warning("hello %s", "there", extra={"shop": "north"})
    logging.getLogger("httpx").info("HTTP Request: GET https://shop?access_token=%s", TOKEN)
    logging.getLogger("apscheduler.scheduler").info("Added job")
    (line,) = lines(out)
    assert (line["event"], line["logger"], line["shop"]) == ("hello there", "some.library", "north")


def test_warnings_of_python_become_lines() -> None:
    out = io.StringIO()
    configure(stream=out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old thing", stacklevel=1)
    assert "old thing" in lines(out)[0]["event"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_and_no_locals_in_a_traceback(form: Any) -> None:
    out = io.StringIO()
    configure(form, stream=out).know(Secret(TOKEN))

    def fail(hidden_local: str) -> None:
        raise ValueError(f"cannot send {TOKEN}")

    try:
        fail("local" + "-value")
    except ValueError:
        structlog.get_logger().exception("failed", access_token="something", note=f"with {TOKEN}")
        logging.getLogger("lib").exception("failed %s", TOKEN)
    text = out.getvalue()
    assert TOKEN not in text
    assert "something" not in text
    assert "local-value" not in text
    assert text.count("ValueError") >= 2
    assert "cannot send ***" in text


def test_configured_twice_a_line_comes_once() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure(stream=first)
    configure(stream=second)
    structlog.get_logger().info("once")
    logging.getLogger("lib").warning("twice")
    assert first.getvalue() == ""
    assert [line["event"] for line in lines(second)] == ["once", "twice"]


def test_repeated_errors_are_counted_until_somebody_says_that_it_is_over() -> None:
    out, seconds = io.StringIO(), Seconds()
    configure(stream=out, monotonic=seconds, repeat_every_s=600)
    log = structlog.get_logger()
    for _ in range(100):
        log.error("pull.failed", shop="north", resource="orders", error="down")
        log.warning("pull.failed", shop="south", resource="orders", error="down")
        seconds.now += 7
    log.info("recovered", what="shop", shop="north", lasted_s=700.0)
    log.error("pull.failed", shop="north", resource="orders", error="down")
    north = [line for line in lines(out) if line["shop"] == "north"]
    assert [(line["event"], line.get("repeated")) for line in north] == [
        ("pull.failed", None),
        ("pull.failed", 86),
        ("recovered", None),
        ("pull.failed", None),
    ]
    assert len([line for line in lines(out) if line["shop"] == "south"]) == 2


def test_a_shop_bound_to_the_context_counts_too() -> None:
    out = io.StringIO()
    configure(stream=out, monotonic=Seconds())
    for shop in ("north", "south", "north"):
        with structlog.contextvars.bound_contextvars(shop=shop):
            structlog.get_logger().error("pull.failed")
    assert [line["shop"] for line in lines(out)] == ["north", "south"]


def test_logfmt_is_one_line_of_pairs() -> None:
    out = io.StringIO()
    configure("logfmt", stream=out)
    structlog.get_logger("syncd").warning("pull.later", shop="north", message='it said "no" twice', pages=3)
    (line,) = out.getvalue().splitlines()
    assert " level=warning event=pull.later shop=north " in line
    assert "pages=3" in line
    assert 'message="it said \\"no\\" twice"' in line


def test_the_journal_gets_priorities_and_only_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, is_journal in (("journal", True), ("file", False)):
        with (tmp_path / name).open("w+") as out:
            file = os.fstat(out.fileno())
            monkeypatch.setenv("JOURNAL_STREAM", f"{file.st_dev}:{file.st_ino if is_journal else 1}")
            configure(stream=out)
            structlog.get_logger("syncd").error("vault.dead")
            structlog.get_logger("syncd").info("pull.done")
            text = (tmp_path / name).read_text().splitlines()
            assert [line[:3] for line in text] == (["<3>", "<6>"] if is_journal else ['{"e'] * 2)
