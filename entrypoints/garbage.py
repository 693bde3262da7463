"""How often a long-lived process looks for garbage in cycles."""

import gc

#: Objects made and not yet let go of, before the youngest are looked through; Python's own is 700,
#: which a shared turn of the ledger makes several times over.
_YOUNGEST = 20_000


def look_seldom() -> None:
    """What there is after starting stays, and need not be looked through again and again.

    Nearly all that a request makes is let go of by reference counts; measured with `make bench`,
    looking for cycles as often as Python does by itself costs about 5 % of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNGEST, 10, 10)
