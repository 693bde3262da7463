"""The state as of an instant, as programs and people read it."""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from domain.as_of import LotBalance, State, Token
from domain.audit import timestamp

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"


def representation(state: State, at: datetime) -> dict[str, Json]:
    """Credits are whole numbers; supplies are decimal text, in base units."""
    lots = state.credits.lots
    return {
        "organisation": state.organisation,
        "at": timestamp(at),
        "follows_from": None
        if state.event is None
        else {
            "event": state.event,
            "sequence": state.sequence,
            "at": _at(state.event_at),
        },
        "tariff": state.tariff,
        "members": [
            {"id": each.id, "user": each.user, "role": each.role, "since": timestamp(each.since)}
            for each in state.members
        ],
        "licence": {
            "state": state.licence.state,
            "since": _at(state.licence.since),
            "until": _at(state.licence.until),
        },
        "credits": {
            "available": state.credits.available,
            "held": state.credits.held,
            "debt": state.credits.debt,
            "spent": state.credits.spent,
            "grants": None if lots is None else [_lot(lot) for lot in lots],
        },
        "tokens": [_token(token) for token in state.tokens],
        "lacks": list(state.lacks),
    }


def told(state: State, at: datetime) -> Iterator[str]:
    """The same for a person, line by line."""
    if state.event is None:
        yield f"{timestamp(at)}: nothing had happened yet"
        return
    yield f"{timestamp(at)}, by {state.sequence} events, the last of them {state.event}"
    yield f"tariff {state.tariff or 'not told'}, licence {state.licence.state}"
    for member in state.members:
        yield f"{member.id}  {member.role}, {member.user}, since {timestamp(member.since)}"
    credits_ = state.credits
    yield (
        f"credits: {credits_.available} available, {credits_.held} held, {credits_.debt} owed, "
        f"{credits_.spent} spent"
    )
    for lot in credits_.lots or ():
        if lot.remaining:
            end = "" if lot.expires_at is None else f", until {timestamp(lot.expires_at)}"
            yield f"{lot.id}  {lot.remaining} of {lot.amount} ({lot.source}){end}"
    for token in state.tokens:
        supply = "of unknown supply" if token.supply is None else f"supply {token.supply}"
        paused = ", paused" if token.paused else ""
        yield f"{token.id}  {token.kind} on {token.network}, {supply}{paused}"
    for lack in state.lacks:
        yield f"cannot be told: {lack}"


def _lot(lot: LotBalance) -> Json:
    return {
        "id": lot.id,
        "source": lot.source,
        "fact": lot.fact,
        "amount": lot.amount,
        "remaining": lot.remaining,
        "lapsed": lot.lapsed,
        "clawed_back": lot.clawed_back,
        "effective_at": timestamp(lot.effective_at),
        "expires_at": _at(lot.expires_at),
    }


def _token(token: Token) -> Json:
    return {
        "id": token.id,
        "deployment": token.deployment,
        "network": token.network,
        "kind": token.kind,
        "address": token.address,
        "decimals": token.decimals,
        "supply": None if token.supply is None else str(token.supply),
        "paused": token.paused,
        "issued_at": timestamp(token.issued_at),
    }


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else timestamp(instant)
