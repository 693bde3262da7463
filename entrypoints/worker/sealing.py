"""The sealer's process: one session after another, a round every few seconds."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from attrs import define, field

from application.audit.seal import Round, Seal, Sealer
from application.ports.custody import CustodyUnavailableError
from application.ports.seal_state import SealStateError
from application.ports.storage.seals import SealerBusyError
from application.ports.storage.work import Scope, StoreUnavailableError
from application.ports.telemetry import Telemetry
from domain.audit import WORKER
from domain.errors import Refusal
from entrypoints.container import Container

log = logging.getLogger(__name__)

_AFTER_TROUBLE = timedelta(seconds=5)

Tell = Callable[[Round | Refusal], None]


@define
class SealLoop:
    """Seals until told to stop.  Where another sealer is at work it waits for its turn."""

    seal: Seal
    every: timedelta
    stop: threading.Event
    #: Hears of every round that did something, and of every refusal.
    tell: Tell
    telemetry: Telemetry
    #: Hears how many events a batch had.
    advance: Callable[[int], None] = lambda _: None
    #: What was said last of why nothing is sealed: it is said once.
    _said: str | None = field(default=None)

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with self.seal.session() as sealer:
                    self._say(None)
                    self._work(sealer)
            except (SealerBusyError, SealStateError, StoreUnavailableError) as error:
                self._say(str(error))
                self.stop.wait(_AFTER_TROUBLE.total_seconds())

    def _work(self, sealer: Sealer) -> None:
        """Raises: StoreUnavailableError."""
        while not self.stop.is_set():
            pause = self.every
            try:
                done = self._round(sealer)
            except CustodyUnavailableError as error:
                self._say(f"the custodian does not answer: {error}")
                pause = _AFTER_TROUBLE
            else:
                if isinstance(done, Refusal):
                    self._say(f"refused ({done.code}): {done.detail}")
                    self.tell(done)
                    pause = _AFTER_TROUBLE
                else:
                    self._say(None)
                    if done.did_something:
                        self.tell(done)
            self.stop.wait(pause.total_seconds())

    def _round(self, sealer: Sealer) -> Round | Refusal:
        """Raises: CustodyUnavailableError, StoreUnavailableError."""
        with self.telemetry.span("seal_round") as span:
            done = sealer(self.advance, self.stop.is_set)
            if isinstance(done, Refusal):
                span.failed(done.code)
            else:
                span.says(sealed=done.sealed)
        return done

    def _say(self, what: str | None) -> None:
        if what is not None and what != self._said:
            log.warning("nothing is sealed: %s", what)
        self._said = what


def seal_in_development(container: Container, stop: threading.Event) -> Callable[[], bool]:
    """What a worker does where it seals too: opens the first log by itself, and one round.

    Tells whether that did something.
    """

    def is_the_first() -> bool:
        with container.store().begin(Scope()) as work:
            return not work.seals.logs()

    def act() -> bool:
        with suppress(SealerBusyError):
            if is_the_first():
                open_it()
            with container.seal().session() as sealer:
                done = sealer(should_stop=stop.is_set)
            if not isinstance(done, Refusal):
                return done.did_something
            log.warning("nothing is sealed (%s): %s", done.code, done.detail)
        return False

    def open_it() -> None:
        opened = container.open_log()("a development installation's own", actor=WORKER)
        if isinstance(opened, Refusal):
            log.warning("no log is opened (%s): %s", opened.code, opened.detail)

    return act
