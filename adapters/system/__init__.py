"""The machine's own clock, chance, log and files."""

from adapters.system.alarms import LogAlarms
from adapters.system.anchored_clock import AnchoredClock
from adapters.system.clock import SystemClock
from adapters.system.derivations import DerivationPool
from adapters.system.group_commit import GroupCommit
from adapters.system.identifiers import SystemIdentifiers
from adapters.system.no_mail import NoMail
from adapters.system.no_payments import NoPayments
from adapters.system.seal_state import SealStateFile

__all__ = [
    "AnchoredClock",
    "DerivationPool",
    "GroupCommit",
    "LogAlarms",
    "NoMail",
    "NoPayments",
    "SealStateFile",
    "SystemClock",
    "SystemIdentifiers",
]
