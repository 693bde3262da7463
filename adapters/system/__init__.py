"""The machine's own clock, chance and log."""

from adapters.system.alarms import LogAlarms
from adapters.system.clock import SystemClock
from adapters.system.group_commit import GroupCommit
from adapters.system.identifiers import SystemIdentifiers
from adapters.system.no_payments import NoPayments

__all__ = ["GroupCommit", "LogAlarms", "NoPayments", "SystemClock", "SystemIdentifiers"]
