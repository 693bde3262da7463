"""Whether a group can be the next one in a block, and what it then does.

Each transaction in turn: alive, well-formed, no duplicate, under no held lease, authorized
by whom the account says; then applied, fee first; then no touched account may be below its minimum
balance.  The group's own form is judged last.  All of it happens, or none.
"""

from dataclasses import dataclass

from entrypoints.devnet.algod.applied import Applied
from entrypoints.devnet.algod.avm.run import STRICT, Leniency, Run
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, address_text, base32
from entrypoints.devnet.algod.execution import perform
from entrypoints.devnet.algod.genesis import Genesis
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import Group, SignedTransaction, group_id
from entrypoints.devnet.algod.verification import check_form


class GroupRefusedError(RefusedError):
    """`position` is that of the transaction that failed; None: the group as a whole did."""

    def __init__(self, message: str, position: int | None) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Rules:
    """What of the chain, beside its state, decides."""

    genesis: Genesis
    #: The hash that this evaluator goes by; a node of another chain has another.
    genesis_hash: bytes


def run_of(rules: Rules, group: Group, leniency: Leniency = STRICT) -> Run:
    """What the programs of a group share."""
    return Run.of_group(
        group,
        genesis_hash=rules.genesis_hash,
        fee_sink=rules.genesis.fee_sink,
        perform=perform,
        leniency=leniency,
    )


def evaluate(rules: Rules, parent: Draft, group: Group, run: Run | None = None) -> list[Applied]:
    """Put the group on top of the draft.  `run`: as `run_of` gives it, to be read afterwards.

    Raises:
        GroupRefusedError: and the draft is as it was.
    """
    draft = Draft(parent)
    run = run or run_of(rules, group)
    for position, transaction in enumerate(group):
        try:
            run.record(_evaluate_one(rules, draft, transaction, run, position))
        except RefusedError as error:
            raise GroupRefusedError(str(error), position) from error
    _check_group(group)
    parent.merge(draft)
    return run.applied


def _evaluate_one(
    rules: Rules, draft: Draft, transaction: SignedTransaction, run: Run, position: int
) -> Applied:
    _check_alive(rules, draft.next_round, transaction)
    try:
        check_form(transaction)
    except RefusedError as error:
        raise RefusedError(f"transaction {transaction.txid}: malformed: {error}") from error
    draft.check_duplicate(transaction)
    authorizer = draft.account(transaction.sender).authorizer
    if authorizer == ZERO_ADDRESS:
        authorizer = transaction.sender
    if transaction.authorizer != authorizer:
        raise RefusedError(
            f"transaction {transaction.txid}: should have been authorized by"
            f" {address_text(authorizer)} but was actually authorized by"
            f" {address_text(transaction.authorizer)}"
        )
    try:
        applied = perform(draft, transaction, run, position)
        _check_balances(draft)
    except RefusedError as error:
        raise RefusedError(f"transaction {transaction.txid}: {error}") from error
    draft.remember(transaction)
    return applied


def _check_alive(rules: Rules, round: int, transaction: SignedTransaction) -> None:
    if not transaction.first_valid <= round <= transaction.last_valid:
        raise RefusedError(
            f"txn dead: round {round} outside of"
            f" {transaction.first_valid}--{transaction.last_valid}"
        )
    named = transaction.txn.get("gen", "")
    if named not in {"", rules.genesis.id}:
        raise RefusedError(f"tx.GenesisID <{named}> does not match expected <{rules.genesis.id}>")
    chain = transaction.address("gh")
    if not any(chain):
        raise RefusedError("required tx.GenesisHash is missing")
    if chain != rules.genesis_hash:
        raise RefusedError(
            f"tx.GenesisHash <{base32(chain)}> does not match expected"
            f" <{base32(rules.genesis_hash)}>"
        )


def _check_balances(draft: Draft) -> None:
    for address, account in draft.accounts.items():
        if not account.is_empty and account.microalgos < account.min_balance:
            raise RefusedError(
                f"account {address_text(address)} balance {account.microalgos} below min"
                f" {account.min_balance} ({account.holdings} assets)"
            )


def _check_group(group: Group) -> None:
    for position, transaction in enumerate(group):
        if transaction.group != group[0].group:
            raise GroupRefusedError(
                "transactionGroup: inconsistent group values:"
                f" {base32(transaction.group)} != {base32(group[0].group)}",
                position,
            )
        if len(group) > 1 and not any(transaction.group):
            raise GroupRefusedError(
                f"transactionGroup: [{position}] had zero Group but was submitted in a group of"
                f" {len(group)}",
                position,
            )
    if any(group[0].group) and group[0].group != group_id(group):
        raise GroupRefusedError(
            f"transactionGroup: incomplete group: {base32(group[0].group)} !="
            f" {base32(group_id(group))}",
            None,
        )
