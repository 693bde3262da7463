"""How much of a busy processor a worker leaves to others.

A person waits for the API, and nobody for a worker's next step: blocks take seconds.
"""

import os
from contextlib import suppress
from pathlib import Path

#: Where the kernel weighs sessions before threads (sched(7), autogroup), the weight of ours.
AUTOGROUP = Path("/proc/self/autogroup")


def of_this_thread(niceness: int) -> None:
    """And of those that it starts; elsewhere than on Linux of the process.

    Nobody is made less nice than they were started: that takes a privilege.
    """
    if niceness > os.getpriority(os.PRIO_PROCESS, 0):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)


def of_this_session(niceness: int) -> None:
    """Where this process has one of its own: others in it are not ours to weigh.

    Whatever hinders it, the worker works.
    """
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            AUTOGROUP.write_text(str(niceness))
