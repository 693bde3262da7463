"""POST /v2/transactions/simulate: what a group would do in the next block, were it sent.

The pool plays no part: a simulation is on top of the node's last block.
"""

from dataclasses import dataclass
from typing import Any

from entrypoints.devnet.algod import representations
from entrypoints.devnet.algod.avm.run import Leniency, Run
from entrypoints.devnet.algod.blocks import Included
from entrypoints.devnet.algod.encoding import (
    ZERO_ADDRESS,
    EncodingError,
    address_text,
    unpack,
)
from entrypoints.devnet.algod.evaluation import GroupRefusedError, evaluate, run_of
from entrypoints.devnet.algod.limits import MOST_IN_GROUP, RefusedError
from entrypoints.devnet.algod.node import Node
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import Group, SignedTransaction, from_fields
from entrypoints.devnet.algod.verification import verify

#: `exec-trace-config` is known, and without effect: there are no traces here.
_KNOWN = frozenset({
    "txn-groups", "round", "allow-empty-signatures", "fix-signers", "allow-more-logging",
    "allow-unnamed-resources", "extra-opcode-budget", "exec-trace-config",
})  # fmt: skip
_MOST_EXTRA_BUDGET = 320_000
_VERSION = 2


@dataclass(frozen=True)
class Question:
    group: Group
    round: int
    empty_signatures: bool
    fix_signers: bool
    leniency: Leniency

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
        extra_budget = content.get("extra-opcode-budget") or 0
        if extra_budget > _MOST_EXTRA_BUDGET:
            raise RefusedError(
                f"extra budget {extra_budget} > simulation extra budget limit {_MOST_EXTRA_BUDGET}"
            )
        return cls(
            group=tuple(from_fields(fields) for fields in transactions),
            round=content.get("round") or 0,
            empty_signatures=bool(content.get("allow-empty-signatures")),
            fix_signers=bool(content.get("fix-signers")),
            leniency=Leniency(
                more_logging=bool(content.get("allow-more-logging")),
                unnamed_resources=bool(content.get("allow-unnamed-resources")),
                extra_budget=extra_budget,
            ),
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
    run = run_of(node.rules, group, question.leniency)
    told: dict[str, Any] = {}
    try:
        evaluate(node.rules, draft, group, run)
    except GroupRefusedError as error:
        told["failure-message"] = str(error)
        if error.position is not None:
            told["failed-at"] = [error.position]
    told["txn-results"] = [_result(run, position) for position in range(len(group))]
    if run.allowance.added:
        told["app-budget-added"] = run.allowance.added
        told["app-budget-consumed"] = sum(run.consumed.values())
    if run.allowance.unnamed:
        told["unnamed-resources-accessed"] = _unnamed(run)
    answer: dict[str, Any] = {"version": _VERSION, "last-round": round, "txn-groups": [told]}
    leniency = question.leniency
    allowed = {
        "allow-empty-signatures": question.empty_signatures,
        "fix-signers": question.fix_signers,
        "allow-unnamed-resources": leniency.unnamed_resources,
        "extra-opcode-budget": leniency.extra_budget,
        "max-log-calls": leniency.logs if leniency.more_logging else 0,
        "max-log-size": leniency.log_bytes if leniency.more_logging else 0,
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


def _result(run: Run, position: int) -> dict[str, Any]:
    """Of what came after a failure nothing is told but the transaction."""
    included = Included(run.group[position], run.applied_of(position))
    told = representations.pending(included.transaction, "", 0, included)
    del told["confirmed-round"]
    result: dict[str, Any] = {"txn-result": told}
    if run.consumed.get(position):
        result["app-budget-consumed"] = run.consumed[position]
    return result


def _unnamed(run: Run) -> dict[str, Any]:
    """What programs touched that the group does not name, by kind."""
    told: dict[str, list[Any]] = {}
    for kind, what in run.allowance.unnamed:
        told.setdefault(kind, []).append(_unnamed_one(kind, what))
    return dict(told)


def _unnamed_one(kind: str, what: Any) -> Any:
    match kind:
        case "accounts":
            return address_text(what)
        case "boxes":
            return {"app": what[0], "name": what[1]}
        case "asset-holdings":
            return {"account": address_text(what[0]), "asset": what[1]}
        case "app-locals":
            return {"account": address_text(what[0]), "app": what[1]}
        case _:
            return what
