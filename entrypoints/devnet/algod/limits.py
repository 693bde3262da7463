"""The protocol's numbers (consensus v40), and the one way a rule says no."""

MIN_FEE = 1000
MIN_BALANCE = 100_000
MOST_VALID_ROUNDS = 1000
MOST_IN_GROUP = 16
MOST_NOTE_BYTES = 1024
MOST_ASSET_NAME_BYTES = 32
MOST_ASSET_UNIT_BYTES = 8
MOST_ASSET_URL_BYTES = 96
MOST_ASSET_DECIMALS = 19
#: How long a node knows what became of a transaction.
REMEMBERED_ROUNDS = 1000

#: The newest programs that the protocol runs.
AVM_VERSION = 11
MOST_PROGRAM_BYTES = 2048
MOST_EXTRA_PAGES = 3
MOST_ARGUMENTS = 16
MOST_ARGUMENT_BYTES = 2048
MOST_ACCOUNTS = 4
MOST_REFERENCES = 8
#: Of application state, and of a box's name.
MOST_KEY_BYTES = 64
MOST_ENTRY_BYTES = 128
MOST_GLOBAL_VALUES = 64
MOST_LOCAL_VALUES = 16
MOST_BOX_BYTES = 32_768
#: What each box reference of a group lets it read, and write.
BOX_BYTES_PER_REFERENCE = 1024
#: Steps that each application call adds to what its group may take.
BUDGET = 700
MOST_INNER = 256
MOST_CALL_DEPTH = 8
MOST_LOGS = 32
MOST_LOG_BYTES = 1024

#: What an account must keep, in microalgos: for each value of a schema, box, and byte of a box.
UINT_MIN_BALANCE = 28_500
BYTES_MIN_BALANCE = 50_000
BOX_MIN_BALANCE = 2_500
BOX_BYTE_MIN_BALANCE = 400


class RefusedError(Exception):
    """A transaction or group that a node does not take; the message is the node's own."""
