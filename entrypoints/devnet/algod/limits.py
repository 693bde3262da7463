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


class RefusedError(Exception):
    """A transaction or group that a node does not take; the message is the node's own."""
