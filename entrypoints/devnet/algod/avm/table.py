"""All opcodes by their numbers, and the decoder that knows them."""

from entrypoints.devnet.algod.avm import (
    application_state,
    arithmetic,
    big_integers,
    boxes,
    byte_strings,
    flow,
    hashing,
    inner_transactions,
    ledger_fields,
    transaction_fields,
    unsupported,
)
from entrypoints.devnet.algod.avm.operations import Operation
from entrypoints.devnet.algod.avm.program import decoder

TABLE: dict[int, Operation] = {
    operation.code: operation
    for group in (
        arithmetic,
        application_state,
        big_integers,
        boxes,
        byte_strings,
        flow,
        hashing,
        inner_transactions,
        ledger_fields,
        transaction_fields,
        unsupported,
    )
    for operation in group.OPERATIONS.declared
}

decode = decoder(TABLE)
