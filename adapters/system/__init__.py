"""The machine's own clock, chance and log."""

from adapters.system.alarms import LogAlarms
from adapters.system.clock import SystemClock
from adapters.system.group_commit import GroupCommit
from adapters.system.identifiers import SystemIdentifiers

__all__ = ["GroupCommit", "LogAlarms", "SystemClock", "SystemIdentifiers"]
