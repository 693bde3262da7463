"""Checks evidence packs of Tallystick without a server, and without believing who made them.

The format, the codes, and what no check of a file can show: docs/evidence.md of the project.  This
package shares no code with the program that makes packs, on purpose.  To be read in this order:

    pack.py            what is checked, in order; what is proved by it, and what is not
    canonical.py       the one way to write JSON
    shape.py           which members there are
    note.py  tree.py   the signed checkpoint, and the tree that it is about:  ed25519.py
    history.py         what was asked for, and the states that it went through
    steps.py           what was done on chain, as the events tell it
    price.py           what became of the price
    transactions.py    what was signed:  evm.py  algorand.py  hashes.py
    one_log.py         anchors, and other checkpoints
    command.py         the command
"""

from .note import NamedKey
from .one_log import Given
from .pack import verify
from .report import Refused, Report, Statement

__all__ = ["Given", "NamedKey", "Refused", "Report", "Statement", "verify"]
