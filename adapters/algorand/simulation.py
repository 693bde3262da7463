"""What a group would do in the next block, and what it would cost.

The node executes it on top of its newest block, unsigned, for the sender that is there now.  Its
words are not all that the sender's means are judged by: the balance is looked at, too.
"""

from attrs import frozen

from adapters.algorand.errors import is_unfunded, is_untimely
from adapters.algorand.group import Group
from adapters.algorand.kind import Kind
from adapters.algorand.reads import Account, Reader
from adapters.line import Said
from application.ports.chain import ChainUnavailableError
from domain.errors import Refusal
from domain.operation import Intent, Postponed, WaitReason


@frozen(kw_only=True)
class Rehearsal:
    """A group on the stage where nothing counts."""

    group: Group
    payer: Account
    issuer: Account
    #: In the node's words; None: it went well.
    failure: Said | None

    @classmethod
    def of(cls, reader: Reader, group: Group, payer: Account, issuer: Account) -> "Rehearsal":
        """Raises: ChainUnavailableError: the node went on so far that the group is out of date."""
        failure = reader.simulate(group.unsigned())
        if failure is not None and is_untimely(failure):
            # A node that catches up: what it said of itself a moment ago is long over.
            raise ChainUnavailableError(f"{reader.node.name} was asked too late: {failure.words}")
        return cls(group=group, payer=payer, issuer=issuer, failure=failure)

    @property
    def shortage(self) -> str | None:
        """What the payer lacks now; None: nothing."""
        payer = self.payer
        kept = payer.min_balance + self.group.locked
        if payer.amount < self.group.cost + kept:
            return (
                f"{payer.address} holds {payer.amount} microalgos; this costs {self.group.cost}, "
                f"and {kept} must stay"
            )
        if self.failure is not None and is_unfunded(self.failure):
            return self.failure.words
        return None

    def refusal(self, intent: Intent, kind: Kind) -> Refusal | None:
        """Why it cannot work, however much money there is."""
        if self.failure is None or is_unfunded(self.failure):
            return None
        detail = f"the chain refuses it in a simulation: {kind.explained(self.failure.words)}"
        code = "deployment_would_revert" if intent.order is None else "order_would_revert"
        return Refusal(code=code, detail=detail)


def too_dear(fee: int, ceiling: int) -> Postponed:
    detail = f"a transaction costs {fee} microalgos, and the ceiling is {ceiling}"
    return Postponed(WaitReason.FEE_ABOVE_CEILING, detail)
