"""ARC-200 with an owner who mints up to a cap, burns what is its own, pauses and hands over.

State, boxes and rules: contract_base.py; and in global state
    c  bytes   cap in base units, uint256: 32 bytes, big endian; the total never exceeds it
    p  uint    1 while paused, else 0: transfers, minting and burning are refused, approving is not

Boxes that a call touches; [] are created where missing:
    bootstrap            [o operation] [b holder]
    mint                 [o operation] [b to]
    burn                 [o operation] b owner
    pause, unpause       [o operation]
    arc200_transfer      b sender, [b to]
    arc200_transferFrom  a (from, sender), b from, [b to]
    arc200_approve       [a (sender, spender)]
"""

from algopy import BigUInt, GlobalState, Txn, arc4, subroutine

from adapters.algorand.standards.arc200.contract_base import (
    ManagedToken,
    Name,
    Operation,
    Symbol,
    transferred,
)


class TallystickMintable(ManagedToken):
    def __init__(self) -> None:
        super().__init__()
        self.limit = GlobalState(arc4.UInt256, key="c")

    @arc4.abimethod(create="require")
    def create(self, name: Name, symbol: Symbol, decimals: arc4.UInt8, cap: arc4.UInt256) -> None:
        """The sender becomes the owner; the token works after `bootstrap`."""
        self._born(name, symbol, decimals)
        self.limit.value = cap

    @arc4.abimethod
    def bootstrap(self, operation: Operation, supply: arc4.UInt256, holder: arc4.Address) -> None:
        """Give the initial supply, perhaps nothing, to the holder, once."""
        self._bootstrap(operation, supply, holder)

    @arc4.abimethod
    def mint(self, operation: Operation, to: arc4.Address, amount: arc4.UInt256) -> None:
        self._owner_consumes(operation)
        self._moves_allowed()
        self._supply(to, amount)

    @arc4.abimethod
    def burn(self, operation: Operation, amount: arc4.UInt256) -> None:
        """Take the owner's own units out of being; another holder's cannot be burned."""
        self._owner_consumes(operation)
        self._moves_allowed()
        owner = arc4.Address(Txn.sender)
        self._debit(owner, amount.as_biguint())
        self._set_total(self.total.value.as_biguint() - amount.as_biguint())
        transferred(owner, arc4.Address(), amount)

    @arc4.abimethod(readonly=True)
    def cap(self) -> arc4.UInt256:
        return self.limit.value

    @arc4.abimethod
    def transfer_ownership(self, new_owner: arc4.Address) -> None:
        self._ready()
        self._owner_only()
        assert new_owner != arc4.Address(), "zero address"
        self.keeper.value = new_owner

    @subroutine
    def _set_total(self, total: BigUInt) -> None:
        assert total <= self.limit.value.as_biguint(), "above the cap"
        self.total.value = arc4.UInt256(total)
