"""The ARC-1410 part: balances by partition, operators, and the one move behind every transfer.

A partition is an address; the zero address is the default partition, to which the ARC-200 methods
and whatever names no partition apply.

Invariants, after every call, besides those of arc200/contract_base.py:
- per holder, the sum over the partitions is the ARC-200 balance: both change in `_take` and
  `_give` and nowhere else, and whatever moves, issues or redeems goes through them;
- partitions come into being by the owner's issuing only: who has none of a partition cannot move
  even nothing of it, so nobody can fill another holder's list with inventions;
- while paused nothing moves, the controller's hand included.

An operator moves without limit what it was authorised for, or up to a portion that shrinks; both
are one number.  The controller may do what an operator may, under the conditions of ARC-1644.

Global state besides:
    i  uint   1 while issuing is allowed, else 0

Boxes (key: value); amounts are uint256, 32 bytes, big endian:
    "p" + sha256(holder + partition): balance                     minimum balance 28,500 microalgos
    "x" + sha256(holder + operator + partition): portion left,    28,500 microalgos
        2^256 - 1 for an operator without limit
    "l" + holder: the partitions it ever held, 32 bytes each,     15,700 + 12,800 per partition
        in the order of their coming; at most 128

Malformed arguments are refused where they are used (`well_formed`), not once per method: sixteen
methods share that check.
"""

from algopy import BigUInt, BoxMap, Bytes, GlobalState, Txn, UInt64, arc4, op, subroutine

from adapters.algorand.standards.arc200.contract_base import transferred
from adapters.algorand.standards.arc1400.contract_controller_base import ControlledToken

WITHOUT_LIMIT = 2**256 - 1
#: 30 addresses fit into a log of 1,024 bytes.
PARTITIONS_PER_PAGE = 30

#: Answers of can_transfer, after ERC-1066.
OK = 0x51
UNKNOWN_PARTITION = 0x50
BALANCE_TOO_SMALL = 0x52
PAUSED = 0x54
INVALID_RECEIVER = 0x57
INVALID_OPERATOR = 0x58


class Holding(arc4.Struct):
    holder: arc4.Address
    partition: arc4.Address
    amount: arc4.UInt256
    data: arc4.DynamicBytes


class PartitionTransfer(arc4.Struct):
    sender: arc4.Address
    to: arc4.Address
    partition: arc4.Address
    amount: arc4.UInt256
    data: arc4.DynamicBytes


class Verdict(arc4.Struct):
    code: arc4.Byte
    reason: arc4.String
    partition: arc4.Address


class PartitionedToken(ControlledToken):
    def __init__(self) -> None:
        super().__init__()
        self.issuable = GlobalState(UInt64(1), key="i")
        self.partitions = BoxMap(Bytes, arc4.UInt256, key_prefix=b"p")
        self.lists = BoxMap(arc4.Address, Bytes, key_prefix=b"l")
        self.operators = BoxMap(Bytes, arc4.UInt256, key_prefix=b"x")

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc1410_balance_of_partition(
        self, holder: arc4.Address, partition: arc4.Address
    ) -> arc4.UInt256:
        return self._part(holding_key(holder, partition))

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc1410_partitions_of(
        self, holder: arc4.Address, page: UInt64
    ) -> arc4.DynamicArray[arc4.Address]:
        known = self.lists.get(holder, default=Bytes())
        start = page * PARTITIONS_PER_PAGE * 32
        found = known[start : start + PARTITIONS_PER_PAGE * 32]
        return arc4.DynamicArray[arc4.Address].from_bytes(
            op.extract(op.itob(found.length // 32), 6, 2) + found
        )

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1410_transfer_by_partition(
        self,
        partition: arc4.Address,
        to: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> arc4.Address:
        self._shift(arc4.Address(Txn.sender), partition, to, amount, data)
        return partition

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1410_operator_transfer_by_partition(
        self,
        sender: arc4.Address,
        partition: arc4.Address,
        to: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> arc4.Address:
        self._authorised(sender, partition, amount, data)
        self._shift(sender, partition, to, amount, data)
        return partition

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc1410_can_transfer_by_partition(
        self,
        sender: arc4.Address,
        partition: arc4.Address,
        to: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> Verdict:
        return Verdict(
            arc4.Byte(self._verdict(sender, partition, to, amount.as_biguint())),
            arc4.String(""),
            partition,
        )

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc1410_is_operator(
        self, holder: arc4.Address, operator: arc4.Address, partition: arc4.Address
    ) -> bool:
        return self._portion(operator_key(holder, operator, partition)) == BigUInt(WITHOUT_LIMIT)

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc1410_is_operator_by_portion(
        self, holder: arc4.Address, operator: arc4.Address, partition: arc4.Address
    ) -> bool:
        return self._portion(operator_key(holder, operator, partition)) > 0

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1410_authorize_operator(
        self, holder: arc4.Address, operator: arc4.Address, partition: arc4.Address
    ) -> None:
        self._authorise(holder, operator, partition, arc4.UInt256(WITHOUT_LIMIT))

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1410_authorize_operator_by_portion(
        self,
        holder: arc4.Address,
        operator: arc4.Address,
        partition: arc4.Address,
        amount: arc4.UInt256,
    ) -> None:
        self._authorise(holder, operator, partition, amount)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1410_revoke_operator(
        self, holder: arc4.Address, operator: arc4.Address, partition: arc4.Address
    ) -> None:
        self._authorise(holder, operator, partition, arc4.UInt256(0))

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1410_issue_by_partition(
        self,
        to: arc4.Address,
        partition: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> None:
        self._owner_only()
        self._issue(to, partition, amount, data)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1410_redeem_by_partition(
        self, partition: arc4.Address, amount: arc4.UInt256, data: arc4.DynamicBytes
    ) -> None:
        self._redeem(arc4.Address(Txn.sender), partition, amount, data)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1410_operator_redeem_by_partition(
        self,
        holder: arc4.Address,
        partition: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> None:
        self._authorised(holder, partition, amount, data)
        self._redeem(holder, partition, amount, data)

    @subroutine
    def _move(self, sender: arc4.Address, to: arc4.Address, amount: arc4.UInt256) -> None:
        self._shift(sender, arc4.Address(), to, amount, arc4.DynamicBytes(b""))

    @subroutine
    def _supply(self, to: arc4.Address, amount: arc4.UInt256) -> None:
        self._issue(to, arc4.Address(), amount, arc4.DynamicBytes(b""))

    @subroutine
    def _shift(
        self,
        sender: arc4.Address,
        partition: arc4.Address,
        to: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> None:
        self._take(sender, partition, amount)
        self._give(to, partition, amount)
        transferred(sender, to, amount)
        arc4.emit("Transfer", PartitionTransfer(sender, to, partition, amount, data.copy()))

    @subroutine
    def _issue(
        self,
        to: arc4.Address,
        partition: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> None:
        assert self.issuable.value, "not issuable"
        self._set_total(self.total.value.as_biguint() + amount.as_biguint())
        self._give(to, partition, amount)
        transferred(arc4.Address(), to, amount)
        arc4.emit("Issue", Holding(to, partition, amount, data.copy()))

    @subroutine
    def _redeem(
        self,
        holder: arc4.Address,
        partition: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> None:
        self._take(holder, partition, amount)
        self._set_total(self.total.value.as_biguint() - amount.as_biguint())
        transferred(holder, arc4.Address(), amount)
        arc4.emit("Redeem", Holding(holder, partition, amount, data.copy()))

    @subroutine
    def _take(self, holder: arc4.Address, partition: arc4.Address, amount: arc4.UInt256) -> None:
        self._moves_allowed()
        well_formed(holder, partition, amount)
        key = holding_key(holder, partition)
        balance, known = self.partitions.maybe(key)
        assert known, "no such partition"
        assert balance >= amount, "partition balance too small"
        self.partitions[key] = arc4.UInt256(balance.as_biguint() - amount.as_biguint())
        self._debit(holder, amount.as_biguint())

    @subroutine
    def _give(self, holder: arc4.Address, partition: arc4.Address, amount: arc4.UInt256) -> None:
        self._moves_allowed()
        well_formed(holder, partition, amount)
        key = holding_key(holder, partition)
        if key not in self.partitions:
            self.lists[holder] = self.lists.get(holder, default=Bytes()) + partition.bytes
        self.partitions[key] = arc4.UInt256(self._part(key).as_biguint() + amount.as_biguint())
        self._credit(holder, amount.as_biguint())

    @subroutine
    def _part(self, key: Bytes) -> arc4.UInt256:
        return self.partitions.get(key, default=arc4.UInt256(0))

    @subroutine
    def _verdict(
        self, sender: arc4.Address, partition: arc4.Address, to: arc4.Address, amount: BigUInt
    ) -> UInt64:
        if self.stopped.value:
            return UInt64(PAUSED)
        if sender != Txn.sender:
            portion = self._portion(operator_key(sender, arc4.Address(Txn.sender), partition))
            if portion < amount:
                return UInt64(INVALID_OPERATOR)
        if to == arc4.Address():
            return UInt64(INVALID_RECEIVER)
        balance, known = self.partitions.maybe(holding_key(sender, partition))
        if not known:
            return UInt64(UNKNOWN_PARTITION)
        if balance.as_biguint() < amount:
            return UInt64(BALANCE_TOO_SMALL)
        return UInt64(OK)

    @subroutine
    def _authorised(
        self,
        holder: arc4.Address,
        partition: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> None:
        if holder == Txn.sender:
            return
        key = operator_key(holder, arc4.Address(Txn.sender), partition)
        portion = self._portion(key)
        if portion == BigUInt(WITHOUT_LIMIT):
            return
        if self.controller.value == Txn.sender:
            self._controller_acts(data)
            return
        assert portion >= amount.as_biguint(), "operator not authorised"
        self.operators[key] = arc4.UInt256(portion - amount.as_biguint())

    @subroutine
    def _authorise(
        self,
        holder: arc4.Address,
        operator: arc4.Address,
        partition: arc4.Address,
        amount: arc4.UInt256,
    ) -> None:
        operator.validate()
        partition.validate()
        amount.validate()
        assert holder == Txn.sender, "holder only"
        self.operators[operator_key(holder, operator, partition)] = amount

    @subroutine
    def _portion(self, key: Bytes) -> BigUInt:
        return self.operators.get(key, default=arc4.UInt256(0)).as_biguint()


@subroutine(inline=False)
def well_formed(holder: arc4.Address, partition: arc4.Address, amount: arc4.UInt256) -> None:
    holder.validate()
    partition.validate()
    amount.validate()


@subroutine
def holding_key(holder: arc4.Address, partition: arc4.Address) -> Bytes:
    return op.sha256(holder.bytes + partition.bytes)


@subroutine
def operator_key(holder: arc4.Address, operator: arc4.Address, partition: arc4.Address) -> Bytes:
    return op.sha256(holder.bytes + operator.bytes + partition.bytes)
