"""What a worker does beside deployments: each in a thread of its own, each by its interval."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

from attrs import evolve, frozen

from application.accounts.create_key import CreateAccountKey, NotConfiguredError
from application.exports.make import MakeExport
from application.exports.request import TOPIC as EXPORTS
from application.mail.send import SendLetter
from application.mail.write import TOPIC as LETTERS
from application.people.gifts import TOPIC, DeliverGift
from application.ports.custody import CustodyRefusedError, CustodyUnavailableError
from application.ports.files import FilesUnavailableError
from application.ports.storage.work import LeaseLostError, StoreUnavailableError
from application.ports.tasks import TasksUnavailableError
from application.ports.telemetry import SpanKind, Telemetry
from domain.identifiers import (
    AccountId,
    ExportId,
    GiftId,
    LetterId,
    OrganisationId,
    Prefix,
    parse_id,
    public_id,
)
from entrypoints.worker import niceness
from entrypoints.worker.lull import Lull

log = logging.getLogger(__name__)

_AFTER_TROUBLE = timedelta(seconds=1)

Handler = Callable[[OrganisationId, str], None]


@frozen(kw_only=True)
class Periodic:
    """Does *act* every *interval*, as *soon* again while it says that there was something to do;
    and every *quiet* once there was nothing for a while.
    """

    name: str
    interval: timedelta
    soon: timedelta = timedelta(0)
    quiet: timedelta | None = None
    act: Callable[[], object]
    #: Acts until the process ends: what it does there is watched, and it is not.
    is_endless: bool = False
    #: Of its thread: where nobody waits for what it does, others may have the processor first.
    niceness: int = 0

    def watched(self, telemetry: Telemetry) -> Periodic:
        """The same; each time it acts is a span."""
        if self.is_endless:
            return self

        def act() -> object:
            with telemetry.span(f"periodic {self.name}", task=self.name):
                return self.act()

        return evolve(self, act=act)

    def thread(self, stop: threading.Event) -> threading.Thread:
        """One that runs it until *stop*, not started yet."""

        def run() -> None:
            niceness.of_this_thread(self.niceness)
            self.run(stop)

        return threading.Thread(target=run, name=self.name, daemon=True)

    def run(self, stop: threading.Event) -> None:
        quiet = self.quiet or self.interval
        lull = Lull(soon=self.soon, often=self.interval, seldom=quiet)
        while not stop.is_set():
            try:
                pause = lull.pause(found=bool(self.act()))
            except (StoreUnavailableError, TasksUnavailableError) as error:
                log.warning("%s: %s", self.name, error)
                pause = max(self.interval, _AFTER_TROUBLE)
            except Exception:
                log.exception("%s failed and is tried again", self.name)
                pause = max(self.interval, _AFTER_TROUBLE)
            stop.wait(pause.total_seconds())


def watched(todo: Mapping[str, Handler], telemetry: Telemetry) -> Mapping[str, Handler]:
    """The same; each task is a span, and lines that are written meanwhile say what it is about."""

    def watching(topic: str, handle: Handler) -> Handler:
        def handle_watched(organisation: OrganisationId, key: str) -> None:
            with telemetry.span(f"task {topic}", kind=SpanKind.CONSUMER, topic=topic) as span:
                span.concerns(
                    organisation=public_id(Prefix.ORGANISATION, organisation), subject=key
                )
                handle(organisation, key)

        return handle_watched

    return {topic: watching(topic, handle) for topic, handle in todo.items()}


def handlers(
    create_account_key: CreateAccountKey,
    deliver_gift: DeliverGift,
    make_export: MakeExport,
    send_letter: SendLetter,
) -> Mapping[str, Handler]:
    """What is done for each topic of the outbox."""

    def account_requested(organisation: OrganisationId, key: str) -> None:
        id = parse_id(Prefix.ACCOUNT, key)
        if id is None:
            log.error("a task names no account: %s", key)
            return
        try:
            create_account_key(organisation, AccountId(id))
        except (NotConfiguredError, CustodyRefusedError, CustodyUnavailableError) as error:
            # The sweep asks for it again.
            log.warning("account %s has no key yet: %s", key, error)

    def gift_sent(organisation: OrganisationId, key: str) -> None:
        id = parse_id(Prefix.GIFT, key)
        if id is None:
            log.error("a task names no gift: %s", key)
            return
        deliver_gift(organisation, GiftId(id))

    def export_requested(organisation: OrganisationId, key: str) -> None:
        id = parse_id(Prefix.EXPORT, key)
        if id is None:
            log.error("a task names no export: %s", key)
            return
        try:
            make_export(organisation, ExportId(id))
        except (FilesUnavailableError, LeaseLostError) as error:
            # The sweep has somebody go on with it.
            log.warning("export %s is not ready yet: %s", key, error)

    def letter_written(organisation: OrganisationId, key: str) -> None:
        id = parse_id(Prefix.LETTER, key)
        if id is None:
            log.error("a task names no letter: %s", key)
            return
        # The sweep has what was not sent tried again.
        if problem := send_letter(organisation, LetterId(id)):
            log.warning("letter %s: %s", key, problem)

    return {
        "account.requested": account_requested,
        TOPIC: gift_sent,
        EXPORTS: export_requested,
        LETTERS: letter_written,
    }
