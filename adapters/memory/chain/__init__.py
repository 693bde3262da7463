"""A chain like Ethereum's, small enough to be obviously right, that misbehaves when told to."""

from adapters.memory.chain.chain import (
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
    MemoryChain,
    a_network,
)

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
    "a_network",
]
