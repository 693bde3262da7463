"""What was looked for in blocks, and how far: what is final need not be read again."""

from collections import OrderedDict
from threading import Lock

from attrs import frozen

from domain.operation import Effect

#: How many searches are remembered.
REMEMBERED = 256


@frozen
class Search:
    """How far blocks were looked through, one after the other."""

    #: The next one.
    next: int
    found: Effect | None = None


class Searches:
    """Searches by what is looked for; safe for threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, bytes], Search] = OrderedDict()
        self._lock = Lock()

    def get(self, sender: str, content: bytes) -> Search | None:
        with self._lock:
            return self._known.get((sender, content))

    def put(self, sender: str, content: bytes, search: Search) -> None:
        with self._lock:
            self._known[sender, content] = search
            self._known.move_to_end((sender, content))
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
