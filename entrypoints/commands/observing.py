"""What `serve`, `work` and `seal` have around them: a log, and whoever watches."""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click

from entrypoints import assembly
from entrypoints.container import Container
from entrypoints.logs import log_to_stderr, threads_end_in_the_log
from entrypoints.redaction import Redaction, secrets_of

log = logging.getLogger(__name__)


def start_log(container: Container) -> Redaction:
    settings = container.settings()
    redaction = Redaction(secrets_of(settings))
    log_to_stderr(settings.telemetry.logs, redaction, container.telemetry().ids)
    return redaction


@contextmanager
def observed(container: Container, process: str) -> Iterator[None]:
    """A process of *container*'s, from its first line to its last.  *process*: what it is.

    What nobody caught is logged as anything else, and the process exits with 1.
    """
    redaction = start_log(container)
    traces = assembly.traces_sent(
        container.settings(), container.telemetry(), process, redaction.text
    )
    with threads_end_in_the_log():
        try:
            with _figures(container), traces:
                yield
        except (click.exceptions.Exit, click.exceptions.Abort, click.ClickException):
            raise
        except Exception:
            log.critical("nobody caught it: the process ends", exc_info=True)
            sys.exit(1)


@contextmanager
def _figures(container: Container) -> Iterator[None]:
    """Served where the configuration says so.  Exits with 1 where somebody else listens."""
    served = assembly.figures_served(
        container.settings(), container.store(), container.telemetry(), container.clock()
    )
    with ExitStack() as stack:
        try:
            url = stack.enter_context(served)
        except OSError as error:
            click.echo(f"[metrics] listen: nothing can be served there: {error}", err=True)
            sys.exit(1)
        if url:
            log.info("figures are at %s", url)
        yield
