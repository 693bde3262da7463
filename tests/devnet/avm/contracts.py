"""Creating and calling applications, as the SDK's documentation says."""

import base64

from algosdk import logic, transaction

from tests.devnet.avm.assembly import APPROVE, VERSION, program
from tests.devnet.people import grouped

NO_OP = transaction.OnComplete.NoOpOC


def schema(uints=0, byte_slices=0):
    return transaction.StateSchema(uints, byte_slices)


def creation(
    person, approval, *, clear=None, uints=0, byte_slices=0, local_values=(0, 0), **options
):
    if clear is None:
        # Both programs have one version, from 6 on.
        clear = bytes([approval[0] if approval else VERSION]) + APPROVE[1:]
    return transaction.ApplicationCreateTxn(
        person.address, person.parameters(), options.pop("on_complete", NO_OP), approval, clear,
        schema(uints, byte_slices), schema(*local_values), **options,
    )  # fmt: skip


def create(person, approval, *, funds=0, **options):
    """The new application's id; `funds` in microalgos go to its account."""
    id = person.confirm(creation(person, approval, **options))["application-index"]
    if funds:
        person.network.fund(logic.get_application_address(id), funds)
    return id


def call(person, id, *arguments, on_complete=NO_OP, fee=1000, boxes=(), note=None, **options):
    return transaction.ApplicationCallTxn(
        person.address, person.parameters(fee=fee), id, on_complete,
        app_args=list(arguments) or None, boxes=[(0, name) for name in boxes] or None, note=note,
        **options,
    )  # fmt: skip


def logs(told):
    return [base64.b64decode(log) for log in told.get("logs", [])]


def confirmed(person, *transactions):
    """Sent together and mined; what the node tells of each."""
    group = grouped(*transactions) if len(transactions) > 1 else transactions
    person.algod.send_transactions([person.sign(each) for each in group])
    person.network.mine()
    return [person.algod.pending_transaction_info(each.get_txid()) for each in group]


def outcome(person, *lines, **options):
    """What a program logs when it is created and runs once."""
    return logs(person.confirm(creation(person, program(*lines), **options)))


def global_state(person, id):
    told = person.algod.application_info(id)["params"].get("global-state", [])
    return {base64.b64decode(entry["key"]): _value(entry["value"]) for entry in told}


def _value(value):
    return value["uint"] if value["type"] == 2 else base64.b64decode(value["bytes"])
