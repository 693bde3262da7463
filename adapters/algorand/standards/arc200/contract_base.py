"""What every ARC-200 contract of ours does: names, balances, allowances, one bootstrap.

Algorand Python: compiled by tools/compile_algorand.py, never imported by the service, which reads
artefact.json.  Standard: ARC-200 with its ARC-4 types and ARC-28 events.

Invariants, after every call:
- the sum of all balances is the total supply, and one internal move changes two balances at once;
- an operation id is consumed at most once: a second call that carries it fails as a whole;
- the owner is who created the contract, in the same call, until it hands over;
- nothing moves before `bootstrap`, and `bootstrap` happens once.

Global state (key, AVM type, encoding):
    n  bytes   name, 32 bytes of UTF-8, zero-padded on the right
    s  bytes   symbol, 8 bytes of UTF-8, zero-padded on the right
    d  uint    decimals, 0 to 255
    t  bytes   total supply in base units, uint256: 32 bytes, big endian
    w  bytes   owner, 32 bytes of public key; all zero when renounced
    r  uint    1 once bootstrapped, else 0

Boxes (key: value); amounts are uint256, 32 bytes, big endian:
    "b" + address: balance                                minimum balance 28,500 microalgos
    "a" + sha256(owner + spender): allowance              28,500 microalgos
    "o" + operation id: round that consumed it, uint64    18,900 microalgos

A box once made stays: a holder that sold everything has a box with zero in it.
The contract has no local state, and refuses updates, deletion, opt-in and close-out.
"""

import typing as t

from algopy import (
    ARC4Contract,
    BigUInt,
    BoxMap,
    Bytes,
    Global,
    GlobalState,
    Txn,
    UInt64,
    arc4,
    op,
    subroutine,
)

Name: t.TypeAlias = arc4.StaticArray[arc4.Byte, t.Literal[32]]
Symbol: t.TypeAlias = arc4.StaticArray[arc4.Byte, t.Literal[8]]
Operation: t.TypeAlias = arc4.StaticArray[arc4.Byte, t.Literal[32]]


class Token(ARC4Contract):
    def __init__(self) -> None:
        self.name = GlobalState(Name, key="n")
        self.symbol = GlobalState(Symbol, key="s")
        self.decimals = GlobalState(UInt64, key="d")
        self.total = GlobalState(arc4.UInt256, key="t")
        self.keeper = GlobalState(arc4.Address, key="w")
        self.ready = GlobalState(UInt64, key="r")
        self.balances = BoxMap(arc4.Address, arc4.UInt256, key_prefix=b"b")
        self.allowances = BoxMap(Bytes, arc4.UInt256, key_prefix=b"a")
        self.operations = BoxMap(Operation, UInt64, key_prefix=b"o")

    @subroutine
    def _bootstrap(self, operation: Operation, supply: arc4.UInt256, holder: arc4.Address) -> None:
        self._owner_consumes(operation)
        assert not self.ready.value, "already bootstrapped"
        self.ready.value = UInt64(1)
        self._supply(holder, supply)

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def is_consumed(self, operation: Operation) -> UInt64:
        """The round in which the operation happened, or 0."""
        return self.operations.get(operation, default=UInt64(0))

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc200_name(self) -> Name:
        return self.name.value.copy()

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc200_symbol(self) -> Symbol:
        return self.symbol.value.copy()

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc200_decimals(self) -> arc4.UInt8:
        return arc4.UInt8(self.decimals.value)

    @arc4.abimethod(name="arc200_totalSupply", readonly=True, validate_encoding="unsafe_disabled")
    def arc200_total_supply(self) -> arc4.UInt256:
        return self.total.value

    @arc4.abimethod(name="arc200_balanceOf", readonly=True, validate_encoding="unsafe_disabled")
    def arc200_balance_of(self, holder: arc4.Address) -> arc4.UInt256:
        return self._balance(holder)

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc200_allowance(self, owner: arc4.Address, spender: arc4.Address) -> arc4.UInt256:
        return self._allowance(allowance_key(owner, spender))

    @arc4.abimethod
    def arc200_transfer(self, to: arc4.Address, value: arc4.UInt256) -> arc4.Bool:
        self._move(arc4.Address(Txn.sender), to, value)
        return arc4.Bool(True)

    @arc4.abimethod(name="arc200_transferFrom")
    def arc200_transfer_from(
        self, sender: arc4.Address, to: arc4.Address, value: arc4.UInt256
    ) -> arc4.Bool:
        """Move what the sender allowed the caller; every allowance shrinks, the largest too."""
        self._spend(sender, value)
        self._move(sender, to, value)
        return arc4.Bool(True)

    @arc4.abimethod
    def arc200_approve(self, spender: arc4.Address, value: arc4.UInt256) -> arc4.Bool:
        """Allow the spender exactly this much from now on, whatever it was before."""
        self._ready()
        self._allow(arc4.Address(Txn.sender), spender, value)
        return arc4.Bool(True)

    @subroutine
    def _born(self, name: Name, symbol: Symbol, decimals: arc4.UInt8) -> None:
        """Fill the state of a contract that is being created; its sender becomes the owner."""
        self.name.value = name.copy()
        self.symbol.value = symbol.copy()
        self.decimals.value = decimals.as_uint64()
        self.total.value = arc4.UInt256(0)
        self.keeper.value = arc4.Address(Txn.sender)
        self.ready.value = UInt64(0)

    @subroutine
    def _owner_only(self) -> None:
        assert self.keeper.value == Txn.sender, "owner only"

    @subroutine
    def _owner_consumes(self, operation: Operation) -> None:
        """The consumed id is told first: a repeated call hears that, whatever else has changed."""
        operation.validate()
        assert operation not in self.operations, "operation consumed"
        self._owner_only()
        self.operations[operation] = Global.round

    @subroutine
    def _ready(self) -> None:
        assert self.ready.value, "not bootstrapped"

    @subroutine
    def _moves_allowed(self) -> None:
        self._ready()

    @subroutine
    def _balance(self, holder: arc4.Address) -> arc4.UInt256:
        return self.balances.get(holder, default=arc4.UInt256(0))

    @subroutine
    def _debit(self, holder: arc4.Address, amount: BigUInt) -> None:
        balance = self._balance(holder).as_biguint()
        assert balance >= amount, "balance too small"
        self.balances[holder] = arc4.UInt256(balance - amount)

    @subroutine
    def _credit(self, holder: arc4.Address, amount: BigUInt) -> None:
        """No overflow: a balance is at most the total, and the total was checked."""
        assert holder != arc4.Address(), "zero address"
        self.balances[holder] = arc4.UInt256(self._balance(holder).as_biguint() + amount)

    @subroutine
    def _move(self, sender: arc4.Address, to: arc4.Address, amount: arc4.UInt256) -> None:
        self._moves_allowed()
        self._debit(sender, amount.as_biguint())
        self._credit(to, amount.as_biguint())
        transferred(sender, to, amount)

    @subroutine
    def _supply(self, to: arc4.Address, amount: arc4.UInt256) -> None:
        """Bring new units into being."""
        self._set_total(self.total.value.as_biguint() + amount.as_biguint())
        self._credit(to, amount.as_biguint())
        transferred(arc4.Address(), to, amount)

    @subroutine
    def _set_total(self, total: BigUInt) -> None:
        self.total.value = arc4.UInt256(total)

    @subroutine
    def _allowance(self, key: Bytes) -> arc4.UInt256:
        return self.allowances.get(key, default=arc4.UInt256(0))

    @subroutine
    def _allow(self, owner: arc4.Address, spender: arc4.Address, value: arc4.UInt256) -> None:
        self.allowances[allowance_key(owner, spender)] = value
        arc4.emit("arc200_Approval(address,address,uint256)", owner, spender, value)

    @subroutine
    def _spend(self, owner: arc4.Address, amount: arc4.UInt256) -> None:
        spender = arc4.Address(Txn.sender)
        allowed = self._allowance(allowance_key(owner, spender)).as_biguint()
        assert allowed >= amount.as_biguint(), "allowance too small"
        self._allow(owner, spender, arc4.UInt256(allowed - amount.as_biguint()))


class ManagedToken(Token):
    """A token with an owner who can stop it.  Global state besides: p  uint  1 while paused."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = GlobalState(UInt64(0), key="p")

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def pause(self, operation: Operation) -> None:
        self._owner_consumes(operation)
        self._switch(UInt64(1))

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def unpause(self, operation: Operation) -> None:
        self._owner_consumes(operation)
        self._switch(UInt64(0))

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def paused(self) -> bool:
        return bool(self.stopped.value)

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def owner(self) -> arc4.Address:
        return self.keeper.value

    @subroutine
    def _switch(self, stopped: UInt64) -> None:
        self._ready()
        assert self.stopped.value != stopped, "already so"
        self.stopped.value = stopped

    @subroutine
    def _moves_allowed(self) -> None:
        self._ready()
        assert not self.stopped.value, "paused"


@subroutine
def allowance_key(owner: arc4.Address, spender: arc4.Address) -> Bytes:
    return op.sha256(owner.bytes + spender.bytes)


@subroutine
def transferred(sender: arc4.Address, to: arc4.Address, amount: arc4.UInt256) -> None:
    arc4.emit("arc200_Transfer(address,address,uint256)", sender, to, amount)
