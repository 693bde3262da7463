"""Logs: one line per event on standard error, for whoever collects them.

What the libraries log goes the same way, and so do warnings and what nobody caught.  Each line has
the time, the level, the event, and the ids of where it was written: request, trace and span,
organisation, deployment.  `Redaction` takes out what must never be written.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TextIO

import structlog
from attrs import frozen

from entrypoints.redaction import Redaction
from entrypoints.telemetry_settings import LogFormat, LogSettings

_CHATTY = (
    "httpx",
    "opentelemetry",
    "procrastinate",
    "psycopg.pool",
    "urllib3",
    "uvicorn.access",
    "web3",
)
#: What stands at the beginning of a line that people read, in this order.
_FIRST = ("at", "level", "logger", "event")
#: And what is written below it, as it is.
_BELOW = ("exception", "traceback", "stack")

log = logging.getLogger(__name__)


def log_to_stderr(
    settings: LogSettings,
    redaction: Redaction,
    ids: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """Set up structlog and the standard library's logging, once per process.

    *ids* says where we are: it is asked for every line.
    """

    def with_ids(
        logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        del logger, method
        return {**ids(), **event}

    def without_secrets(
        logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        del logger, method
        # The formatter's own, which it takes away itself.
        own = {name: value for name, value in event.items() if name.startswith("_")}
        rest = {name: value for name, value in event.items() if name not in own}
        return {**redaction.fields(rest), **own}

    shared: list[Any] = [
        with_ids,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        # Before secrets are taken out: an exception's text may have one.
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    is_json = settings.format is LogFormat.JSON
    written = structlog.processors.JSONRenderer(ensure_ascii=False) if is_json else for_people
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, written],
        )
    )
    structlog.configure(
        processors=[*shared, written],
        logger_factory=lambda name: _Lines(name, handler),
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    # No line says these, and where it was written is looked for through the whole stack.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))


@frozen
class _Lines:
    """Where lines of ours end: with those of the libraries, but without a record of each."""

    name: str
    handler: logging.StreamHandler[TextIO]

    def info(self, line: str) -> None:
        """*line* has passed the level already."""
        handler = self.handler
        # Whoever reads them may be gone: no reason for anything to fail.
        with suppress(OSError, ValueError), handler.lock or nullcontext():
            handler.stream.write(line + handler.terminator)
            handler.stream.flush()

    debug = warning = error = critical = info


def for_people(logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    """The line as text; a traceback stands below it."""
    del logger, method
    at, level, name, said = (event.pop(key, "") for key in _FIRST)
    below = [str(event.pop(key)) for key in _BELOW if event.get(key)]
    rest = "".join(f"  {key}={value}" for key, value in event.items() if value is not None)
    return "\n".join([f"{at} {level:<8} {name}: {said}{rest}", *below])


@contextmanager
def threads_end_in_the_log() -> Iterator[None]:
    """A thread that nobody caught anything in ends as a line like any other."""

    def tell(ended: threading.ExceptHookArgs) -> None:
        if ended.exc_value is not None:
            name = ended.thread.name if ended.thread else "?"
            error = (ended.exc_type, ended.exc_value, ended.exc_traceback)
            log.critical("nobody caught it: the thread %s ends", name, exc_info=error)

    before = threading.excepthook
    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = before
