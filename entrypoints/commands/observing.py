"""What `serve`, `work` and `seal` have around them: a log, and whoever watches."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from entrypoints.container import Container
from entrypoints.logs import log_to_stderr, threads_end_in_the_log
from entrypoints.redaction import Redaction, secrets_of

log = logging.getLogger(__name__)


def start_log(container: Container) -> None:
    settings = container.settings()
    redaction = Redaction(secrets_of(settings))
    log_to_stderr(settings.telemetry.logs, redaction, container.telemetry().ids)


@contextmanager
def observed(container: Container) -> Iterator[None]:
    """A process of *container*'s, from its first line to its last.

    What nobody caught is logged as anything else, and the process exits with 1.
    """
    start_log(container)
    with threads_end_in_the_log():
        try:
            yield
        except (click.exceptions.Exit, click.exceptions.Abort, click.ClickException):
            raise
        except Exception:
            log.critical("nobody caught it: the process ends", exc_info=True)
            sys.exit(1)
