from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define

from application.ports.seal_state import SealState, SealStateSession, SealStateStore
from application.ports.storage.seals import SealerBusyError


@define(eq=False)
class MemorySealState(SealStateStore, SealStateSession):
    state: SealState | None = None
    _is_busy: bool = False

    @contextmanager
    def session(self) -> Iterator[SealStateSession]:
        if self._is_busy:
            raise SealerBusyError("another sealer has this state")
        self._is_busy = True
        try:
            yield self
        finally:
            self._is_busy = False

    def read(self) -> SealState | None:
        return self.state

    def write(self, state: SealState) -> None:
        self.state = state
