"""ARC-200 whose whole supply exists from the bootstrap on: nobody can mint, burn or pause.

State, boxes and rules: contract_base.py.  The owner is the creator, and can do nothing but
bootstrap.

Boxes that a call touches, beside those it only reads; [] are created where missing:
    bootstrap            [o operation] [b holder]
    arc200_transfer      b sender, [b to]
    arc200_transferFrom  a (from, sender), b from, [b to]
    arc200_approve       [a (sender, spender)]
"""

from algopy import arc4

from adapters.algorand.standards.arc200.contract_base import Name, Operation, Symbol, Token


class TallystickPreminted(Token):
    @arc4.abimethod(create="require")
    def create(self, name: Name, symbol: Symbol, decimals: arc4.UInt8) -> None:
        """The sender becomes the owner; the token works after `bootstrap`."""
        self._born(name, symbol, decimals)

    @arc4.abimethod
    def bootstrap(self, operation: Operation, supply: arc4.UInt256, holder: arc4.Address) -> None:
        """Give the whole supply, more than nothing, to the holder, once."""
        assert supply != arc4.UInt256(0), "no supply"
        self._bootstrap(operation, supply, holder)
