"""The real sealer over a house's own store, with its state and its key in the house's hands."""

from __future__ import annotations

import time
from typing import Any

from attrs import define, field

from adapters.memory.seal_state import MemorySealState
from adapters.memory.signatures import MemoryVerification
from application.audit.logs import OpenLog
from application.audit.seal import Round, Seal
from application.ports.custody import Verifies
from application.ports.seal_state import SealStateStore
from application.ports.storage.seals import Log, SealStore, SignedCheckpoint
from domain.identifiers import InstallationId
from domain.signing import PublicKey
from tests.application.house import House

_SETTLES_WITHIN_SECONDS = 60


@define(eq=False)
class Sealing:
    """Seals *house*'s trail whenever it is called; the log is opened by the first call."""

    house: House
    seals: SealStore
    installation: InstallationId
    state: SealStateStore = field(factory=MemorySealState)
    verifies: Verifies = field(factory=MemoryVerification)
    log: Log | None = None

    @property
    def key(self) -> PublicKey:
        return self.opened.public_key

    @property
    def opened(self) -> Log:
        if self.log is None:
            made = self.open_log("a ceremony")
            assert isinstance(made, Log), made
            self.log = made
        return self.log

    @property
    def open_log(self) -> OpenLog:
        return OpenLog(
            **self._parts,
            store=self.house.store,
            custodian=self.house.custodian_scheme,
            key=None,
            installation=self.installation,
            host="issue.example.com",
            identifiers=self.house.identifiers,
        )

    @property
    def seal(self) -> Seal:
        return Seal(**self._parts, verifies=self.verifies, alarms=self.house.alarms)

    def __call__(self) -> SignedCheckpoint:
        number = self.opened.number
        deadline = time.monotonic() + _SETTLES_WITHIN_SECONDS
        while True:
            with self.seal.session() as sealer:
                done = sealer()
            assert isinstance(done, Round), done
            with self.house.store.begin(self.house.scope) as work:
                latest, waiting = work.seals.latest(number), work.seals.backlog(number).events
            if latest is not None and not waiting:
                return latest
            # Transactions of other tests on the same server hold the horizon back.
            assert time.monotonic() < deadline, "it does not settle"
            time.sleep(0.02)

    @property
    def _parts(self) -> dict[str, Any]:
        return {
            "seals": self.seals,
            "state": self.state,
            "custodians": {self.house.custodian_scheme: self.house.custodian},
            "clock": self.house.clock,
        }
