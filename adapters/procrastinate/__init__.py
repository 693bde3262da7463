"""The queue for what is rare: Procrastinate, in the same Postgres.

Its tables live in a schema of their own and carry ids only.  Jobs may get stuck (procrastinate
#1518, #1446), so every task can be made again from a row and may run twice; none has a queueing
lock.
"""

from adapters.procrastinate.queue import ProcrastinateTasks
from adapters.procrastinate.schema import install, is_installed

__all__ = ["connect", "install", "is_installed"]


def connect(url: str) -> ProcrastinateTasks:
    """The queue at *url*; asks nobody until it is opened."""
    return ProcrastinateTasks(url)
