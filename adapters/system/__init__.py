"""The machine's own clock and chance."""

from adapters.system.clock import SystemClock
from adapters.system.identifiers import SystemIdentifiers

__all__ = ["SystemClock", "SystemIdentifiers"]
