"""Chains small enough to be obviously right, that misbehave when told to.

One is like Ethereum's and counts (`MemoryChain`), one is like Algorand's and has windows
(`MemoryWindowedChain`).
"""

from adapters.memory.chain.chain import MemoryChain
from adapters.memory.chain.counting_world import a_network
from adapters.memory.chain.faults import (
    ALREADY_KNOWN,
    ANSWER_LOST,
    NO_HISTORY,
    REJECTED,
    REJECTED_THOUGH_TAKEN,
    SLOT_TAKEN,
    UNAVAILABLE,
    UNDERPRICED,
    WRONG_CHAIN,
    Fault,
)
from adapters.memory.chain.windowed_world import a_windowed_network
from adapters.memory.chain.windows import MemoryWindowedChain

__all__ = [
    "ALREADY_KNOWN",
    "ANSWER_LOST",
    "NO_HISTORY",
    "REJECTED",
    "REJECTED_THOUGH_TAKEN",
    "SLOT_TAKEN",
    "UNAVAILABLE",
    "UNDERPRICED",
    "WRONG_CHAIN",
    "Fault",
    "MemoryChain",
    "MemoryWindowedChain",
    "a_network",
    "a_windowed_network",
]
