"""Logs: structlog is configured here and nowhere else. One line per event on standard error, JSON in
production, colours on a terminal; the standard library's loggers go the same way.

Everybody else says `structlog.get_logger()` and names an event and facts. Secrets and repeated errors are
taken out on the way (redaction.py, repeats.py); tracebacks never show local variables.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor

from syncd.host.redaction import Redactor
from syncd.host.repeats import REPEAT_EVERY_S, Repeats

Form = Literal["auto", "json", "console", "logfmt"]

# These tell of every request, statement or ring at INFO, URLs with their queries included.
_QUIET: Final = ("httpx", "httpcore", "apscheduler", "sqlalchemy", "alembic", "asyncio", "uvicorn.access")


def configure(
    form: Form = "auto",
    level: str = "info",
    *,
    redactor: Redactor | None = None,
    stream: TextIO | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    repeat_every_s: float = REPEAT_EVERY_S,
) -> Redactor:
    """Set up all logging of this process; calling it again replaces what was set before.

    `auto` is console on a terminal and JSON elsewhere; what systemd takes into its journal begins with its
    priority. Returns the redactor, which has to `know` every secret.

    Raises:
        ValueError: a level that does not exist.
    """
    out = stream or sys.stderr
    redactor = redactor or Redactor()
    threshold = _threshold(level)
    on_terminal = out.isatty()
    console = form == "console" or (form == "auto" and on_terminal)
    colours = on_terminal and not os.environ.get("NO_COLOR")
    renderer = _LOGFMT if form == "logfmt" else _renderer(console=console, colours=bool(colours))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            Repeats(monotonic, repeat_every_s),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            _exception_text if console else _exception_facts,
            redactor,
            _prioritised(renderer) if _goes_to_journal(out) else renderer,
        ],
    )
    _route_standard_library(out, formatter, threshold)
    return redactor


def set_level(level: str) -> None:
    """Write from this level on, without setting up anything else anew. Raises ValueError as `configure` does."""
    threshold = _threshold(level)
    logging.getLogger().setLevel(threshold)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


_exception_facts = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)
_exception_text = structlog.processors.format_exc_info


def _renderer(*, console: bool, colours: bool) -> Processor:
    if not console:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=colours, timestamp_key="at", exception_formatter=structlog.dev.plain_traceback
    )


_LOGFMT: Final = structlog.processors.LogfmtRenderer(key_order=["at", "level", "event", "shop", "resource"])
_PRIORITIES: Final = {"critical": 2, "error": 3, "exception": 3, "warning": 4, "info": 6, "debug": 7}


def _prioritised(renderer: Processor) -> Processor:
    """The rendered line behind the priority that the journal files it under (sd-daemon(3))."""

    def render(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        priority = _PRIORITIES.get(str(event.get("level", "")), 6)
        return f"<{priority}>{renderer(logger, method, event)}"  # type: ignore[str-bytes-safe]

    return render


def _goes_to_journal(out: TextIO) -> bool:
    """Whether systemd has connected this stream to its journal: it names the file by device and number."""
    try:
        file = os.fstat(out.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{file.st_dev}:{file.st_ino}"


def _threshold(level: str) -> int:
    levels = logging.getLevelNamesMapping()
    if level.upper() not in levels:
        raise ValueError(f"no log level {level!r}: use debug, info, warning or error")
    return levels[level.upper()]


def _route_standard_library(out: TextIO, formatter: logging.Formatter, threshold: int) -> None:
    way_out: logging.Handler = logging.StreamHandler(out)
    way_out.setFormatter(formatter)
    root = logging.getLogger()
    for earlier in list(root.handlers):
        if isinstance(earlier.formatter, ProcessorFormatter):
            root.removeHandler(earlier)
    root.addHandler(way_out)
    set_level(logging.getLevelName(threshold))
    logging.captureWarnings(capture=True)
    # A failed write to the log (a full disk, a closed pipe) must not print a traceback with the line in it.
    logging.raiseExceptions = False


def unconfigure() -> None:
    """Take back what `configure` set: for tests, and for a library use of syncd."""
    root = logging.getLogger()
    for way_out in list(root.handlers):
        if isinstance(way_out.formatter, ProcessorFormatter):
            root.removeHandler(way_out)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
