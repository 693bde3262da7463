"""Checks evidence packs of Tallystick without a server, and without believing who made them.

The format, the codes, and what no check of a file can show: docs/evidence.md of the project.  This
package shares no code with the program that makes packs, on purpose.  To be read in this order:

    pack.py            what is checked, in order; what is proved by it, and what is not
    canonical.py       the one way to write JSON
    shape.py           which members there are
    note.py  tree.py   the signed checkpoint, and the tree that it is about
    history.py         what the events say, and whether the records agree
    transactions.py    what was signed:  evm.py  algorand.py  hashes.py
    command.py         the command
"""

from .pack import Given, verify
from .report import Refused, Report, Statement

__all__ = ["Given", "Refused", "Report", "Statement", "verify"]
