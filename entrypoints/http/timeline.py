"""The history of a deployment, or of an order, in plain words, from its audit events.

Nothing is stored for it: the events are the history.  Every event and every reason to wait has a
sentence that a person understands who does not know what a nonce is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import cast

from attrs import define, frozen

from domain.audit import AuditEvent, JsonValue, timestamp
from domain.deployment import Deployment, Reason, State
from domain.network import Network
from domain.operation import WaitReason
from domain.token import Action, Order, Token


class Mover(Enum):
    """Who must act so that what waits goes on."""

    NOBODY = "nobody"
    YOU = "you"
    OPERATOR = "operator"


@frozen
class Explanation:
    sentence: str
    mover: Mover


#: Why something waits: the closed list, in words.
WAITING: Mapping[WaitReason, Explanation] = {
    WaitReason.QUEUED: Explanation(
        "It is in line, and a worker will take it in a moment.", Mover.NOBODY
    ),
    WaitReason.ACCOUNT_NOT_READY: Explanation(
        "Your issuing account is still getting its key; this goes on as soon as it has one.",
        Mover.NOBODY,
    ),
    WaitReason.APPROVAL: Explanation(
        "Somebody in your organisation has to approve it first.", Mover.YOU
    ),
    WaitReason.SIGNER_UNAVAILABLE: Explanation(
        "The custodian that holds the signing key does not answer or declines; nothing is lost, "
        "and it is asked again.",
        Mover.OPERATOR,
    ),
    WaitReason.NODE_UNAVAILABLE: Explanation(
        "The network's nodes do not answer at the moment; they are asked again.", Mover.NOBODY
    ),
    WaitReason.FEE_ABOVE_CEILING: Explanation(
        "The network is more expensive right now than the fee that was agreed on; it waits for "
        "the price to fall.",
        Mover.NOBODY,
    ),
    WaitReason.TREASURY_EMPTY: Explanation(
        "The operator's account that pays the network's fees has to be filled up.", Mover.OPERATOR
    ),
    WaitReason.IN_MEMPOOL: Explanation(
        "The network has the transaction and will put it into one of the next blocks.",
        Mover.NOBODY,
    ),
    WaitReason.FINALITY: Explanation(
        "The transaction is in a block; it waits until that block can no longer be taken back.",
        Mover.NOBODY,
    ),
    WaitReason.WINDOW_OPEN: Explanation(
        "An earlier transaction could still arrive; it waits until that is impossible, so that "
        "nothing is ever done twice.",
        Mover.NOBODY,
    ),
    WaitReason.UNKNOWN_OUTCOME: Explanation(
        "No node has said clearly what became of the transaction; it is looked up on the chain "
        "until that is certain, and nothing is done twice.",
        Mover.NOBODY,
    ),
    WaitReason.OPERATOR: Explanation(
        "Something happened that a person has to look at; the operator has been told.",
        Mover.OPERATOR,
    ),
    WaitReason.NETWORK_HALTED: Explanation(
        "Nothing is signed on this network until the operator has looked at it.", Mover.OPERATOR
    ),
}

#: What happened, by the last part of the event's name.
_SENTENCES: Mapping[str, str] = {
    "queued": "The request was accepted and {credits} credits are set aside for it.",
    "slot_reserved": "The transaction has its place in line on the network; from here on it can "
    "no longer be cancelled.",
    "submitted": "The transaction is signed and stored, ready to be sent.",
    "pending": "The network has taken the transaction.",
    "replaced": "The transaction was signed again; only one of the signed ones can take effect.",
    "slot_filling": "Its place in line is given to a transaction that does nothing, so that the "
    "first one can never arrive.",
    "sent_again": "The network has taken the newest transaction for this place in line.",
    "rejected": "A node declined the transaction; that proves nothing yet, and it is looked into.",
    "included": "The transaction is in block {block}; that block can still be taken back.",
    "block_vanished": "The network took back the block with the transaction; it is watched for "
    "again.",
    "slot_spent": "The transaction's place in line is over, and it made no token there.",
    "effect_found": "The token was found on the network, made by a transaction of ours.",
    "confirmed": "The token exists, in block {block}, and that block can no longer be taken back.",
    "indexed": "The token was read back from the network, and it is what was planned.",
    "completed": "Done: the token is issued, and {credits} credits are spent.",
    "cancelled": "It was cancelled before anything was sent; the credits are given back.",
    "retry_requested": "It was asked for again, and the credits are set aside anew.",
    "step_signed": "The transaction of step {step} is signed and stored, ready to be sent.",
    "step_sent": "The network has taken the transaction of step {step}.",
    "step_confirmed": "Step {step} is done, in block {block}, and that block can no longer be "
    "taken back; the next step follows.",
}

#: What is told otherwise of an order about a token that exists.
_OF_ORDERS: Mapping[str, str] = {
    "queued": "The order to {wish} was accepted, and will cost {price}.",
    "slot_spent": "The transaction's place in line is over, and it changed nothing there.",
    "effect_found": "What was ordered was found on the network, done by a transaction of ours.",
    "confirmed": "{done}, in block {block}, and that block can no longer be taken back.",
    "indexed": "The token was read back from the network, and it is what the order made of it.",
    "completed": "{done}; it cost {price}.",
}

_FAILURES: Mapping[Reason, str] = {
    Reason.DEPLOYMENT_VALIDATION_FAILED: "The network would refuse this token, the licence no "
    "longer lets it begin, or nobody has approved it; nothing was signed, and the credits are "
    "given back.",
    Reason.TRANSACTION_SUBMISSION_FAILED: "It is proven that the transaction can never arrive; no "
    "token exists, and the credits are given back.",
    Reason.TRANSACTION_REVERTED: "The transaction had no effect; it is proven that no token "
    "exists, and the credits are given back.",
    Reason.POST_DEPLOYMENT_FAILED: "Something exists on the network that is not what was planned; "
    "the credits are spent, and the operator has been told.",
}

_FAILED_ORDERS: Mapping[Reason, str] = {
    Reason.DEPLOYMENT_VALIDATION_FAILED: "The network would refuse this order, or the licence no "
    "longer lets it begin; nothing was signed, and the credits are given back.",
    Reason.TRANSACTION_SUBMISSION_FAILED: "It is proven that the transaction can never arrive; "
    "the token is as it was, and the credits are given back.",
    Reason.TRANSACTION_REVERTED: "The transaction had no effect; it is proven that the token is "
    "as it was, and the credits are given back.",
    Reason.POST_DEPLOYMENT_FAILED: "Something happened on the network that is not what was "
    "ordered; the credits are spent, and the operator has been told.",
}

#: What is wished for, and how it is told once it is so.
_ORDERS: Mapping[Action, tuple[str, str]] = {
    Action.MINT: ("create {amount}", "{amount} more exist"),
    Action.BURN: ("destroy {amount}", "{amount} exist no more"),
    Action.PAUSE: ("stop all transfers of {symbol}", "All transfers of {symbol} are stopped"),
    Action.HAND_OVER: (
        "give {symbol} to the address of your account's new key",
        "{symbol} belongs to the address of your account's new key",
    ),
    Action.UNPAUSE: ("let {symbol} be transferred again", "{symbol} can be transferred again"),
}

_NOUNS = frozenset({"deployment", "installation"} | {action.value for action in Action})

_REASONS: Mapping[State, Reason] = {
    State.SUBMITTED: Reason.DEPLOYMENT_SUBMITTED,
    State.PENDING: Reason.TRANSACTION_BROADCAST,
    State.CONFIRMED: Reason.TRANSACTION_CONFIRMED,
    State.INDEXED: Reason.TRANSACTION_INDEXED,
    State.COMPLETED: Reason.DEPLOYMENT_COMPLETED,
    State.CANCELLED: Reason.USER_CANCELLED,
    State.QUEUED: Reason.DEPLOYMENT_RETRY_REQUESTED,
}


def sentence_of(reason: Reason, *, of_an_order: bool = False) -> str:
    """How a failure for *reason* is told."""
    return (_FAILED_ORDERS if of_an_order else _FAILURES)[reason]


def in_units(amount: int, decimals: int, symbol: str) -> str:
    """Base units as people read them: ``12.5 HZL``."""
    whole, part = divmod(amount, 10**decimals)
    digits = str(part).rjust(decimals, "0").rstrip("0") if part else ""
    return f"{whole}.{digits} {symbol}" if digits else f"{whole} {symbol}"


def waiting_of(
    reason: WaitReason | None, since: datetime | None, next_look_at: datetime | None
) -> dict[str, JsonValue] | None:
    """Why it waits now, who must act, and when it is looked at next."""
    if reason is None:
        return None
    explanation = WAITING[reason]
    return {
        "for": reason.value,
        "since": None if since is None else timestamp(since),
        "sentence": explanation.sentence,
        "who_must_act": explanation.mover.value,
        "next_look_at": None if next_look_at is None else timestamp(next_look_at),
    }


@define
class Timeline:
    """Tells events, oldest first, and remembers how far it has come."""

    network: Network | None
    #: The order and the token it is about; None for a deployment.
    order: Order | None = None
    token: Token | None = None
    state: State = State.QUEUED

    @classmethod
    def of(cls, told: Deployment, network: Network | None) -> Timeline:
        return cls(network, order=told.order, token=told.token)

    def tell(self, events: Sequence[AuditEvent]) -> Iterator[dict[str, JsonValue]]:
        for event in events:
            noun, _, what = event.action.partition(".")
            if noun in _NOUNS:
                yield self._entry(event, what)

    def _entry(self, event: AuditEvent, what: str) -> dict[str, JsonValue]:
        details = cast("Mapping[str, JsonValue]", event.content()["details"])
        reason_code: str | None = None
        if "state" in details:
            self.state = State(str(details["state"]))
            reason_code = _REASONS[self.state] if what != "failed" else str(details["reason"])
        waits = WaitReason(str(details["reason"])) if what == "waiting" else None
        transaction_id = _transaction_of(details)
        return {
            "sequence": event.sequence,
            "at": timestamp(event.at),
            "event": event.action,
            "state": self.state.value,
            "reason_code": reason_code,
            "message": self._message(what, details, waits),
            "step": details.get("step"),
            "transaction_id": transaction_id,
            "explorer_url": explorer_url(self.network, transaction_id),
            "block": _block_of(details),
            # Where it is; an order names the token by its id when it is accepted.
            "token": details.get("token") if what != "queued" else None,
            "waiting_for": waits and waits.value,
            "who_must_act": waits and WAITING[waits].mover.value,
        }

    def _message(
        self, what: str, details: Mapping[str, JsonValue], waits: WaitReason | None
    ) -> str:
        if waits is not None:
            return WAITING[waits].sentence
        if what == "failed":
            reason = Reason(str(details["reason"]))
            return sentence_of(reason, of_an_order=self.order is not None)
        block = _block_of(details)
        number = block["number"] if block else "?"
        sentences = {**_SENTENCES, **(_OF_ORDERS if self.order is not None else {})}
        # An event that is newer than this process is still told, without a sentence of its own.
        sentence = sentences.get(what, f"{what.replace('_', ' ').capitalize()}.")
        credits = details.get("credits", 0)  # noqa: A001 - the product's own word
        return sentence.format(
            credits=credits,
            price="1 credit" if credits == 1 else f"{credits} credits",
            block=number,
            step=details.get("step", "?"),
            **self._ordered(),
        )

    def _ordered(self) -> Mapping[str, str]:
        """What the order is about, in the words of `_ORDERS`."""
        if self.order is None or self.token is None:
            return {}
        amount = in_units(abs(self.order.supply_change), self.token.decimals, self.token.symbol)
        wish, done = (
            words.format(amount=amount, symbol=self.token.symbol)
            for words in _ORDERS[self.order.action]
        )
        return {"wish": wish, "done": done}


def explorer_url(network: Network | None, transaction_id: str | None) -> str | None:
    if network is None or network.explorer_transaction is None or transaction_id is None:
        return None
    return network.explorer_transaction.replace("{}", transaction_id)


def _transaction_of(details: Mapping[str, JsonValue]) -> str | None:
    for place in (details, details.get("inclusion"), details.get("attempt")):
        if isinstance(place, Mapping) and place.get("transaction_id"):
            return str(place["transaction_id"])
    return None


def _block_of(details: Mapping[str, JsonValue]) -> Mapping[str, JsonValue] | None:
    inclusion = details.get("inclusion")
    within = inclusion if isinstance(inclusion, Mapping) else details
    block = within.get("block") or within.get("at")
    return block if isinstance(block, Mapping) else None
