"""An interpreter of AVM bytecode, versions 2 to 11, for application calls.

    operations ─ program ─ table         what an opcode is, and bytecode as instructions
    resources ─ run ─ access             what a group may touch, and what its programs share
    machine                              one program on its stack
    arithmetic, byte_strings, big_integers, hashing, keccak, flow, application_state, boxes,
    transaction_fields, ledger_fields, inner_transactions       the opcodes

Simulated, from the specification: every opcode of these groups with its cost, the budget that a
group pools, stack and value limits, state schemas, box references with their input and output
budget, group-wide sharing of resources, inner transactions of all types but `keyreg`, logs.

Not simulated, and refused by name when reached: ECDSA, other curves and pairings, VRF, Falcon,
MiMC, `json_ref`, `block`, what concerns consensus, logic signatures, and the fields of `keyreg`.
Access lists (`al`) and versions of applications come with a later protocol.  The static cost limit
of versions 2 and 3 is the dynamic one here.  Where a node disassembles, field names are numbers.
"""
