"""A house with two custodians, whose members change the keys of their account."""

from __future__ import annotations

import warnings
from typing import Any

from adapters.memory.custody import DevelopmentOnlyWarning, MemoryCustodian
from application.access.caller import Caller
from application.keys.carry_out import CarryOutKeyChange, NotYetError
from application.keys.request import KeyWish, RequestKeyChange, SwitchAccount
from application.keys.withdraw import WithdrawKeyChange
from application.once import Answered
from application.ports.custody import Custodian
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.account import Account
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.identifiers import KeyChangeId, KeyRef
from domain.key_change import KeyAction, KeyChange
from domain.operation import OperationKind
from tests.application.house import FINGERPRINT, House
from tests.application.mortal import Death, Fate, Mortal, MortalStore

#: The other custodian; it holds no key until one is moved there.
ELSEWHERE = "elsewhere"


def _quietly_made() -> MemoryCustodian:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevelopmentOnlyWarning)
        return MemoryCustodian(scheme=ELSEWHERE)


class KeyedHouse(House):
    """What a worker does for keys is a part of its life."""

    @property
    def elsewhere(self) -> Custodian:
        made: Custodian = self.__dict__.setdefault("_elsewhere", _quietly_made())
        return made

    @property
    def custodians(self) -> dict[str, Custodian]:
        return {self.custodian_scheme: self.custodian, ELSEWHERE: self.elsewhere}

    @property
    def account(self) -> Account:
        with self.store.begin(self.scope) as work:
            found = work.accounts.find(self.chain.network.family, live=False)
        assert found is not None
        return found

    @property
    def request_key_change(self) -> RequestKeyChange:
        return RequestKeyChange(
            store=self.store,
            custodians=self.custodians,
            offered=frozenset(self.custodians),
            clock=self.clock,
            identifiers=self.identifiers,
        )

    @property
    def switch_account(self) -> SwitchAccount:
        return SwitchAccount(store=self.store, clock=self.clock, identifiers=self.identifiers)

    def wish(self, action: KeyAction, **changes: Any) -> Answered[KeyChange] | Refusal:
        """Ask for a change; `key_of_request` and `caller` may be others."""
        self._requests += 1
        name = changes.pop("key_of_request", f"wish-{self._requests}")
        caller = changes.pop("caller", self.caller)
        wanted = KeyWish(account=self.account.id, action=action, **changes)
        named = self.key(name, "POST /v1/accounts/{id}/key_changes")
        return self.request_key_change(caller, wanted, named, FINGERPRINT)

    def change(self, action: KeyAction, **changes: Any) -> KeyChange:
        """An accepted one."""
        answer = self.wish(action, **changes)
        assert isinstance(answer, Answered), answer
        return answer.value

    def move(self) -> KeyChange:
        return self.change(KeyAction.MOVE, custodian=ELSEWHERE)

    def disable(self, key: KeyRef) -> KeyChange:
        return self.change(KeyAction.DISABLE, key=key)

    def switch(self, *, on: bool) -> Account | Refusal:
        return self.switch_account(self.caller, self.account.id, on=on)

    def changed(self, id: KeyChangeId) -> KeyChange:
        with self.store.begin(self.scope) as work:
            found = work.key_changes.get(id)
        assert found is not None
        return found

    def rekeys(self) -> list[Deployment]:
        return [each for each in self.operations() if each.kind is OperationKind.REKEY]

    def hand_overs(self) -> list[Deployment]:
        """Oldest first."""
        found = [each for each in self.operations() if each.kind is OperationKind.HAND_OVER]
        return sorted(found, key=lambda each: each.id)

    def withdraw(self, id: KeyChangeId, caller: Caller | None = None) -> KeyChange | Refusal:
        withdraw = WithdrawKeyChange(
            store=self.store, clock=self.clock, identifiers=self.identifiers
        )
        return withdraw(caller or self.caller, id)

    def life(self, fate: Fate) -> None:
        if self.change_keys(fate):
            super().life(fate)

    def change_keys(self, fate: Fate) -> bool:
        """What a worker does for keys; whether it is alive."""
        carry_out = CarryOutKeyChange(
            store=MortalStore(self.store, fate),
            custodians={
                scheme: Mortal(each, fate)  # type: ignore[misc]  # passes all on
                for scheme, each in self.custodians.items()
            },
            chains={self.network: Mortal(self.chain, fate)},  # type: ignore[dict-item]  # as above
            budgets=self.budgets,
            clock=self.clock,
            identifiers=self.identifiers,
        )
        with self.store.begin(Scope()) as work:
            waiting = work.key_changes.open(100)
        try:
            for organisation, id in waiting:
                try:
                    carry_out(organisation, id)
                except (NotYetError, StoreUnavailableError):
                    continue
        except Death:
            return False
        return True

    def change_keys_of_everybody(self) -> None:
        assert self.change_keys(Fate({}))

    def is_waiting_for_keys(self) -> bool:
        with self.store.begin(Scope()) as work:
            return bool(work.key_changes.open(1))

    def _is_consistent(self, deployment: Deployment) -> None:
        if deployment.kind is OperationKind.REKEY:
            assert deployment.hold is None
            return
        if deployment.kind is OperationKind.HAND_OVER:
            assert (deployment.hold, deployment.credits) == (None, 0)
            assert self.effects(deployment) == (deployment.state is State.COMPLETED)
            return
        super()._is_consistent(deployment)

    def lives(self, fate: Fate, rounds: int = 80) -> None:
        for _ in range(rounds):
            self.lives_once(fate)
            if not self.open_deployments() and not self.is_waiting_for_keys():
                return
        raise AssertionError(f"not over after {rounds} lives: {self.open_deployments()}")
