"""Decide a ledger command and record it, inside the caller's transaction."""

from datetime import datetime
from uuid import UUID

from application.audit.trail import Trail
from application.ports.storage.work import Work
from domain.errors import Refusal
from domain.ledger import Command, Grant, decide, expire, fold


def post(
    work: Work,
    trail: Trail,
    command: Command,
    now: datetime,
    *,
    subject: UUID | None = None,
    correlation: str | None = None,
    live: bool = False,
) -> Refusal | None:
    """Lock the wallet, let the domain decide, store what it decided.

    What expired meanwhile is recorded even where the command is refused.
    """
    before = work.ledger.lock(*(() if isinstance(command, Grant) else (command.id,)))
    events = expire(before, now)
    wallet = before
    for event in events:
        wallet = fold(wallet, event)
    answer = decide(wallet, command, now)
    if not isinstance(answer, Refusal):
        events = (*events, *answer)
    if events:
        actor = f"{trail.actor.kind}:{trail.actor.id or ''}"
        entries = work.ledger.record(before, events, now, actor, subject)
        trail.add_postings(entries, correlation, live=live)
    return answer if isinstance(answer, Refusal) else None
