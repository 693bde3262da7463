"""What a step needs: gas for its call, and where it funds the next step, the value for that one's.

Nothing here depends on anybody's balance: calls are simulated without price and without value, so
that what a step costs can be told before anybody can pay for it.
"""

from attrs import frozen

from adapters.evm.reads import Reader, Reverted
from adapters.evm.step import StepCall
from adapters.evm.transactions import FILL_GAS
from application.ports.chain import ChainUnavailableError
from domain.operation import Intent

#: Given beyond an estimate, as state may change before inclusion: one fifth.
_MARGIN = (6, 5)
#: Yellow paper, G_callvalue and G_newaccount: what carrying value to a fresh account costs more.
_VALUE_GAS = 9_000 + 25_000
#: What an order may be said to need, in units: ten times what it does, with room for chains whose
#: units pay for publication too.  One node says it, and the treasury sends as much coin as that.
_MOST_FUNDED = 5_000_000


#: What is set aside for a creation and for an order, in units: above what ours need, factory and
#: all, and settled by what they took.
_CREATION = 3_000_000
_ORDER = 1_000_000


def allowance_of(intent: Intent) -> int:
    """Units to set aside for all steps of the intent's operation, handed on to issuers or not."""
    return _CREATION if intent.order is None else _ORDER


@frozen
class Needs:
    #: Units for the call itself.
    gas: int
    #: Units whose price the call carries as its value.
    funded: int = 0

    def value(self, price: int) -> int:
        """Wei to carry where a unit of gas costs *price* wei at most."""
        return self.funded * price


def needs_of(reader: Reader, call: StepCall) -> Needs | Reverted:
    """Reverted, where the call or the one that it funds would.

    Raises: ChainUnavailableError: no answer, or none that can be believed.
    """
    if call.funds is None:
        gas = reader.gas(call.sender, call.through, call.data)
        return gas if isinstance(gas, Reverted) else Needs(_with_margin(gas))
    following = reader.gas(call.funds.sender, call.funds.through, call.funds.data)
    if isinstance(following, Reverted):
        return following
    if following > _MOST_FUNDED:
        msg = f"{reader.node.name} says that an order needs {following} gas, which cannot be"
        raise ChainUnavailableError(msg)
    gas = reader.gas(call.sender, call.through, call.data)
    if isinstance(gas, Reverted):
        return gas
    # Room for one fill: where the step's first nonce must be filled, it can still pay its second.
    return Needs(_with_margin(gas + _VALUE_GAS), _with_margin(following) + FILL_GAS)


def _with_margin(gas: int) -> int:
    numerator, denominator = _MARGIN
    return gas * numerator // denominator
