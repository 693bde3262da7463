"""A store that forgets when the process ends, and behaves like a database until then.

Transactions read what is committed and what they have written themselves (*read committed*).  A
row that one of them has locked or written makes the others wait; ids of other organisations are
not found; uniqueness, foreign keys and the one list of lock order are enforced.
"""

from adapters.memory.storage.store import MemoryStore

__all__ = ["MemoryStore"]
