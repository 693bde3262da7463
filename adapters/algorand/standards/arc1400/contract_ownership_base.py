"""The ARC-88 part: whose contract it is, in one step or in two.

The owner is whoever calls `create`, so the initialiser of the ARC-88 draft, which anybody could
call first, always refuses.  Global state besides that of arc200/contract_base.py:
    q  bytes  account that was asked to accept ownership, 32 bytes of public key; all zero for none
"""

from algopy import GlobalState, Txn, arc4, subroutine

from adapters.algorand.standards.arc200.contract_base import ManagedToken


class OwnedToken(ManagedToken):
    def __init__(self) -> None:
        super().__init__()
        self.candidate = GlobalState(arc4.Address(), key="q")

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc88_owner(self) -> arc4.Address:
        return self.keeper.value

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc88_is_owner(self, account: arc4.Address) -> bool:
        return account == self.keeper.value

    @arc4.abimethod
    def arc88_initialize_owner(self, owner: arc4.Address) -> None:
        assert False, "owner is set by create"  # noqa: B011, PT015 - compiled to err, with its text

    @arc4.abimethod
    def arc88_renounce_ownership(self) -> None:
        self._owner_only()
        arc4.emit("arc88_OwnershipRenounced(address)", self.keeper.value)
        self.keeper.value = arc4.Address()
        self.candidate.value = arc4.Address()

    @arc4.abimethod
    def arc88_transfer_ownership(self, new_owner: arc4.Address) -> None:
        self._owner_only()
        self._hand_over(new_owner)

    @arc4.abimethod
    def arc88_transfer_ownership_request(self, new_owner: arc4.Address) -> None:
        self._owner_only()
        assert new_owner != arc4.Address(), "zero address"
        self.candidate.value = new_owner

    @arc4.abimethod
    def arc88_accept_ownership(self) -> None:
        assert self.candidate.value == Txn.sender, "not requested"
        self._hand_over(self.candidate.value)

    @arc4.abimethod
    def arc88_cancel_ownership_request(self) -> None:
        self._owner_only()
        self.candidate.value = arc4.Address()

    @subroutine
    def _hand_over(self, owner: arc4.Address) -> None:
        assert owner != arc4.Address(), "zero address"
        arc4.emit("arc88_OwnershipTransferred(address,address)", self.keeper.value, owner)
        self.keeper.value = owner
        self.candidate.value = arc4.Address()
