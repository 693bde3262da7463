"""POST /v2/transactions/simulate: what a group would do in the next block, were it sent.

The pool plays no part: a simulation is on top of the node's last block.
"""

from dataclasses import dataclass
from typing import Any

from entrypoints.devnet.algod import representations
from entrypoints.devnet.algod.blocks import Included
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, EncodingError, unpack
from entrypoints.devnet.algod.evaluation import GroupRefusedError, evaluate
from entrypoints.devnet.algod.execution import Applied
from entrypoints.devnet.algod.limits import MOST_IN_GROUP, RefusedError
from entrypoints.devnet.algod.node import Node
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import Group, SignedTransaction, from_fields
from entrypoints.devnet.algod.verification import verify

#: Known, and without effect where no programs run.
_ABOUT_PROGRAMS = frozenset({
    "allow-more-logging", "allow-unnamed-resources", "extra-opcode-budget", "exec-trace-config",
})  # fmt: skip
_KNOWN = _ABOUT_PROGRAMS | {"txn-groups", "round", "allow-empty-signatures", "fix-signers"}
_VERSION = 2


@dataclass(frozen=True)
class Question:
    group: Group
    round: int
    empty_signatures: bool
    fix_signers: bool

    @classmethod
    def read(cls, body: bytes) -> "Question":
        """Raises: RefusedError: not a question for one group."""
        try:
            content = unpack(body)
        except EncodingError as error:
            raise RefusedError(str(error)) from error
        if not isinstance(content, dict) or set(content) - _KNOWN:
            raise RefusedError(f"not a simulation request: {content!r:.200}")
        groups = content.get("txn-groups", [])
        if len(groups) != 1:
            raise RefusedError(f"expected 1 transaction group, got {len(groups)}")
        (group,) = groups
        transactions = group.get("txns", [])
        if not 0 < len(transactions) <= MOST_IN_GROUP:
            raise RefusedError(f"transaction group size {len(transactions)} exceeds maximum")
        return cls(
            group=tuple(from_fields(fields) for fields in transactions),
            round=content.get("round") or 0,
            empty_signatures=bool(content.get("allow-empty-signatures")),
            fix_signers=bool(content.get("fix-signers")),
        )


def simulate(node: Node, body: bytes) -> dict[str, Any]:
    """algod's answer, transactions left as msgpack maps.

    Raises:
        RefusedError: the question is malformed, a signature is bad, or the fees are too low.
    """
    question = Question.read(body)
    verify(question.group, empty_signatures=question.empty_signatures)
    round = question.round or node.round
    if round > node.round:
        raise RefusedError("given round is greater than the latest round")
    draft = Draft(node.view.history.at(round))
    group = _with_signers(question, draft)
    applied = [Applied()] * len(group)
    told: dict[str, Any] = {}
    try:
        applied = evaluate(node.rules, draft, group)
    except GroupRefusedError as error:
        told["failure-message"] = str(error)
        if error.position is not None:
            told["failed-at"] = [error.position]
    told["txn-results"] = [
        {"txn-result": _result(transaction, effect)}
        for transaction, effect in zip(group, applied, strict=True)
    ]
    answer: dict[str, Any] = {"version": _VERSION, "last-round": round, "txn-groups": [told]}
    allowed = {
        "allow-empty-signatures": question.empty_signatures,
        "fix-signers": question.fix_signers,
    }
    if any(allowed.values()):
        answer["eval-overrides"] = {name: value for name, value in allowed.items() if value}
    return answer


def _with_signers(question: Question, draft: Draft) -> Group:
    """`fix-signers` takes unsigned transactions for signed by whoever may."""
    if not question.fix_signers:
        return question.group
    return tuple(
        transaction if "sig" in transaction.fields else _authorized(transaction, draft)
        for transaction in question.group
    )


def _authorized(transaction: SignedTransaction, draft: Draft) -> SignedTransaction:
    authorizer = draft.account(transaction.sender).authorizer
    if authorizer == ZERO_ADDRESS:
        return transaction
    return from_fields({**transaction.fields, "sgnr": authorizer})


def _result(transaction: SignedTransaction, applied: Applied) -> dict[str, Any]:
    result = representations.pending(transaction, "", 0, Included(transaction, applied))
    return {name: value for name, value in result.items() if name != "confirmed-round"}
