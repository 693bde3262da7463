"""ARC-1400: a security token with partitions, operators, a controller, documents and an owner.

All of ARC-200, ARC-1410, ARC-1594, ARC-1643, ARC-1644 and ARC-88, and `issue_once`, `redeem_once`,
`pause` and `unpause`, which consume an operation id.  No cap but uint256.  State, boxes and rules
stand with each part: arc200/contract_base.py, contract_ownership_base.py,
contract_documents_base.py, contract_controller_base.py, contract_partitions_base.py.

Boxes that a call touches; [] are created where missing, `l` is touched only when p is created:
    bootstrap                      [o operation] [b holder] [p holder, zero] [l holder]
    issue_once                     [o operation] [b to] [p to, partition] [l to]
    redeem_once                    [o operation] b owner, p owner, partition
    pause, unpause                 [o operation]
    arc200_approve                 [a sender, spender]
    arc200_transfer                b sender, p sender, zero, [b to] [p to, zero] [l to]
    arc200_transferFrom            a from, sender, and as a transfer of `from`
    arc1594_transfer_with_data     as arc200_transfer; ..._from_... as arc200_transferFrom
    arc1410_transfer_by_partition  b sender, p sender, partition, [b to] [p to, partition] [l to]
    arc1410_operator_transfer_...  x from, sender, partition, and as a transfer of `from`
    arc1410_authorize_..., revoke  [x holder, operator, partition]
    arc1410_issue_by_partition     [b to] [p to, partition] [l to]; arc1594_issue for zero
    arc1410_redeem_by_partition    b sender, p sender, partition; arc1594_redeem for zero
    arc1410_operator_redeem_...    x from, sender, partition, b from, p from, partition
    arc1594_redeemFrom             a from, sender, b from, p from, zero
    arc1643_set_document           [d name] [D], which grows by 32 bytes for a new name
    arc1643_remove_document        d name, D
    arc1644_controller_transfer    b from, p from, zero, [b to] [p to, zero] [l to]
    arc1644_controller_redeem      b from, p from, zero
"""

from algopy import Txn, UInt64, arc4, subroutine

from adapters.algorand.standards.arc200.contract_base import Name, Operation, Symbol
from adapters.algorand.standards.arc1400.contract_partitions_base import OK, PartitionedToken


class Amount(arc4.Struct):
    holder: arc4.Address
    amount: arc4.UInt256
    data: arc4.DynamicBytes


class ControllerTransfer(arc4.Struct):
    controller: arc4.Address
    sender: arc4.Address
    to: arc4.Address
    amount: arc4.UInt256
    code: arc4.Byte
    data: arc4.DynamicBytes
    operator_data: arc4.DynamicBytes


class ControllerRedeem(arc4.Struct):
    controller: arc4.Address
    holder: arc4.Address
    amount: arc4.UInt256
    code: arc4.Byte
    operator_data: arc4.DynamicBytes


class TallystickSecurity(PartitionedToken):
    @arc4.abimethod(create="require")
    def create(
        self,
        name: Name,
        symbol: Symbol,
        decimals: arc4.UInt8,
        controller: arc4.Address,
        controllable: bool,
        require_justification: bool,
        min_action_interval: UInt64,
    ) -> None:
        """The sender becomes the owner; the token works after `bootstrap`."""
        self._born(name, symbol, decimals)
        self.controller.value = controller
        self.controllable.value = UInt64(controllable)
        self.justified.value = UInt64(require_justification)
        self.interval.value = min_action_interval

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def bootstrap(self, operation: Operation, supply: arc4.UInt256, holder: arc4.Address) -> None:
        self._bootstrap(operation, supply, holder)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def issue_once(
        self,
        operation: Operation,
        to: arc4.Address,
        partition: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> None:
        self._owner_consumes(operation)
        self._issue(to, partition, amount, data)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def redeem_once(
        self,
        operation: Operation,
        partition: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> None:
        self._owner_consumes(operation)
        self._redeem(arc4.Address(Txn.sender), partition, amount, data)

    @arc4.abimethod
    def arc1594_set_issuable(self, issuable: bool) -> None:
        self._owner_only()
        self.issuable.value = UInt64(issuable)

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc1594_is_issuable(self) -> bool:
        return bool(self.issuable.value)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1594_issue(
        self, to: arc4.Address, amount: arc4.UInt256, data: arc4.DynamicBytes
    ) -> None:
        self._owner_only()
        self._issue(to, arc4.Address(), amount, data)
        arc4.emit("Issue", Amount(to, amount, data.copy()))

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1594_redeem(self, amount: arc4.UInt256, data: arc4.DynamicBytes) -> None:
        self._redeem_default(arc4.Address(Txn.sender), amount, data)

    @arc4.abimethod(name="arc1594_redeemFrom", validate_encoding="unsafe_disabled")
    def arc1594_redeem_from(
        self, holder: arc4.Address, amount: arc4.UInt256, data: arc4.DynamicBytes
    ) -> None:
        self._spend(holder, amount)
        self._redeem_default(holder, amount, data)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1594_transfer_with_data(
        self, to: arc4.Address, amount: arc4.UInt256, data: arc4.DynamicBytes
    ) -> arc4.Bool:
        self._shift(arc4.Address(Txn.sender), arc4.Address(), to, amount, data)
        return arc4.Bool(True)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1594_transfer_from_with_data(
        self,
        sender: arc4.Address,
        to: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
    ) -> arc4.Bool:
        self._spend(sender, amount)
        self._shift(sender, arc4.Address(), to, amount, data)
        return arc4.Bool(True)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1644_controller_transfer(
        self,
        sender: arc4.Address,
        to: arc4.Address,
        amount: arc4.UInt256,
        data: arc4.DynamicBytes,
        operator_data: arc4.DynamicBytes,
    ) -> UInt64:
        self._controller_acts(operator_data)
        self._shift(sender, arc4.Address(), to, amount, data)
        arc4.emit(
            "ControllerTransfer",
            ControllerTransfer(
                self.controller.value,
                sender,
                to,
                amount,
                arc4.Byte(OK),
                data.copy(),
                operator_data.copy(),
            ),
        )
        return UInt64(OK)

    @arc4.abimethod(validate_encoding="unsafe_disabled")
    def arc1644_controller_redeem(
        self, holder: arc4.Address, amount: arc4.UInt256, operator_data: arc4.DynamicBytes
    ) -> UInt64:
        self._controller_acts(operator_data)
        self._redeem(holder, arc4.Address(), amount, operator_data)
        arc4.emit(
            "ControllerRedeem",
            ControllerRedeem(
                self.controller.value, holder, amount, arc4.Byte(OK), operator_data.copy()
            ),
        )
        return UInt64(OK)

    @subroutine
    def _redeem_default(
        self, holder: arc4.Address, amount: arc4.UInt256, data: arc4.DynamicBytes
    ) -> None:
        self._redeem(holder, arc4.Address(), amount, data)
        arc4.emit("Redeem", Amount(holder, amount, data.copy()))
