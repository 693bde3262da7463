"""`appl`: create an application, call it, change its programs, opt in or out, delete it.

An approval program decides; one that clears state is asked, but its answer counts for nothing.
"""

from dataclasses import replace

from entrypoints.devnet.algod.application_form import (
    CLEAR_STATE,
    CLOSE_OUT,
    DELETE,
    OPT_IN,
    UPDATE,
    check_program_sizes,
    check_program_versions,
)
from entrypoints.devnet.algod.applications import Application, LocalState, Schema
from entrypoints.devnet.algod.applied import NOTHING, Applied
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import LogicError
from entrypoints.devnet.algod.avm.run import Run
from entrypoints.devnet.algod.avm.table import decode
from entrypoints.devnet.algod.encoding import address_text
from entrypoints.devnet.algod.limits import BUDGET, RefusedError
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction


def apply(draft: Draft, transaction: SignedTransaction, run: Run, position: int) -> Applied:
    id = transaction.number("apid") or _create(draft, transaction)
    completion = transaction.number("apan")
    application = draft.application(id)
    if application is None and completion != CLEAR_STATE:
        raise RefusedError(
            f"only ClearState is supported for an application ({id}) that does not exist"
        )
    if not transaction.number("apid") or completion == UPDATE:
        _check_programs(transaction, application)
    allowance = run.allowance
    if not transaction.number("apid"):
        allowance.resources.begin_creation(transaction, id)
    if not allowance.leniency.unnamed_resources:
        # Whatever the program does about it: a program that clears state is no exception.
        allowance.resources.check_read(draft)
    if completion == CLEAR_STATE:
        return _clear(draft, transaction, run, position, id)
    assert application is not None  # noqa: S101 - was just made sure of
    if completion == OPT_IN:
        _opt_in(draft, transaction.sender, id, application)
    machine = Machine(decode(application.approval), draft, run, position, id)
    if not _execute(machine):
        raise RefusedError("transaction rejected by ApprovalProgram")
    _complete(draft, transaction, id)
    created = 0 if transaction.number("apid") else id
    return replace(_effects(machine), created_application=created)


def _create(draft: Draft, transaction: SignedTransaction) -> int:
    # The transaction is counted after it was applied, and the application has its number.
    id = draft.counter() + 1
    txn = transaction.txn
    application = Application(
        creator=transaction.sender,
        approval=txn.get("apap", b""),
        clear=txn.get("apsu", b""),
        global_schema=Schema.from_fields(txn.get("apgs", {})),
        local_schema=Schema.from_fields(txn.get("apls", {})),
        extra_pages=transaction.number("apep"),
    )
    draft.put_application(id, application)
    return id


def _check_programs(transaction: SignedTransaction, before: Application | None) -> None:
    txn = transaction.txn
    is_update = before is not None and transaction.number("apid")
    check_program_versions(txn, before.approval if before and is_update else b"")
    for name, code in [
        ("ApprovalProgram", txn.get("apap", b"")),
        ("ClearStateProgram", txn.get("apsu", b"")),
    ]:
        try:
            decode(code)
        except LogicError as error:
            raise RefusedError(f"check failed on {name}: {error}") from error


def _clear(
    draft: Draft, transaction: SignedTransaction, run: Run, position: int, id: int
) -> Applied:
    """Opting out this way always works; what a failing program did is undone."""
    application, sender = draft.application(id), transaction.sender
    if draft.local(sender, id) is None:
        raise RefusedError(
            f"cannot clear state: {address_text(sender)} is not currently opted in to app {id}"
        )
    applied = NOTHING
    if application is not None:
        if run.allowance.budget < BUDGET:
            raise RefusedError(
                f"attempted ClearState execution with low OpcodeBudget {run.allowance.budget}"
            )
        attempt = Draft(draft)
        machine = Machine(decode(application.clear), attempt, run, position, id)
        try:
            if machine.run():
                draft.merge(attempt)
                applied = _effects(machine)
        except LogicError:
            applied = NOTHING
    draft.put_local(sender, id, None)
    return applied


def _opt_in(draft: Draft, sender: bytes, id: int, application: Application) -> None:
    if draft.local(sender, id) is not None:
        raise RefusedError(f"account {address_text(sender)} has already opted in to app {id}")
    draft.put_local(sender, id, LocalState(application.local_schema))


def _execute(machine: Machine) -> bool:
    try:
        return machine.run()
    except LogicError as error:
        raise RefusedError(f"logic eval error: {error}. Details: {machine.describe()}") from error


def _complete(draft: Draft, transaction: SignedTransaction, id: int) -> None:
    application, sender = draft.application(id), transaction.sender
    assert application is not None  # noqa: S101 - no program deletes itself
    match transaction.number("apan"):
        case completion if completion == CLOSE_OUT:
            if draft.local(sender, id) is None:
                raise RefusedError(f"account {address_text(sender)} is not opted in to app {id}")
            draft.put_local(sender, id, None)
        case completion if completion == UPDATE:
            check_program_sizes(transaction.txn, application.extra_pages)
            approval = transaction.txn.get("apap", b"")
            clear = transaction.txn.get("apsu", b"")
            draft.put_application(id, replace(application, approval=approval, clear=clear))
        case completion if completion == DELETE:
            draft.drop_application(id, application)
        case _:
            pass


def _effects(machine: Machine) -> Applied:
    named = [machine.transaction.sender, *machine.txn.get("apat", ())]
    shared = [address for address in machine.local_deltas if address not in named]
    order = [*named, *shared]
    return Applied(
        logs=tuple(machine.logs),
        global_delta=dict(machine.global_delta),
        local_deltas={
            order.index(address): dict(delta) for address, delta in machine.local_deltas.items()
        },
        shared_accounts=tuple(shared),
        inner=tuple(machine.inner),
    )
