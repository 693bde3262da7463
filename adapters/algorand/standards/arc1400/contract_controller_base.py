"""The ARC-1644 settings: who may move the tokens of others, and under which conditions.

Global state besides:
    k  bytes  controller, 32 bytes of public key; all zero for none
    e  uint   1 while the controller may act (enabled), else 0
    j  uint   1 if each action needs a justification, else 0
    m  uint   least seconds between two actions
    l  uint   Unix time of the last action, 0 before the first
"""

from algopy import Global, GlobalState, Txn, UInt64, arc4, subroutine

from adapters.algorand.standards.arc1400.contract_documents_base import DocumentedToken


class ControllerChange(arc4.Struct):
    previous: arc4.Address
    next: arc4.Address


class ControlledToken(DocumentedToken):
    def __init__(self) -> None:
        super().__init__()
        self.controller = GlobalState(arc4.Address, key="k")
        self.controllable = GlobalState(UInt64, key="e")
        self.justified = GlobalState(UInt64, key="j")
        self.interval = GlobalState(UInt64, key="m")
        self.acted_at = GlobalState(UInt64(0), key="l")

    @arc4.abimethod
    def arc1644_set_controller(self, controller: arc4.Address) -> None:
        self._owner_only()
        arc4.emit("ControllerChanged", ControllerChange(self.controller.value, controller))
        self.controller.value = controller

    @arc4.abimethod
    def arc1644_set_controllable(self, controllable: bool) -> None:
        self._owner_only()
        self.controllable.value = UInt64(controllable)

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc1644_is_controllable(self) -> UInt64:
        return self.controllable.value

    @arc4.abimethod
    def arc1644_set_require_justification(self, required: bool) -> None:
        self._owner_only()
        self.justified.value = UInt64(required)

    @arc4.abimethod
    def arc1644_set_min_action_interval(self, seconds: UInt64) -> None:
        self._owner_only()
        self.interval.value = seconds

    @subroutine
    def _controller_acts(self, justification: arc4.DynamicBytes) -> None:
        """Refuse unless the controller may act now; an action that fails later leaves no trace."""
        assert self.controller.value == Txn.sender, "controller only"
        assert self.controllable.value, "not controllable"
        assert not self.justified.value or justification.length, "justification required"
        assert Global.latest_timestamp >= self.acted_at.value + self.interval.value, "too soon"
        self.acted_at.value = Global.latest_timestamp
