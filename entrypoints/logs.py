"""Logs: one JSON line per event on standard error, for whoever collects them.

What the libraries log goes the same way.  A deny-list takes out what must never be written.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

#: Never written, whatever a caller passes: names of fields, in lower case.
SECRETS = frozenset(
    {"password", "secret", "token", "refresh_token", "access_token", "authorization", "key"}
    | {"master_key", "private_key", "email", "body"}
)
_CHATTY = ("httpx", "procrastinate", "psycopg.pool", "urllib3", "uvicorn.access", "web3")


def log_to_stderr() -> None:
    """Set up structlog and the standard library's logging, once per process."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        without_secrets,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def without_secrets(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blot out what stands under a name on the list."""
    del logger, method
    for name in event:
        if name.lower() in SECRETS:
            event[name] = "[not shown]"
    return event
