"""Hold a token, as its chain shows it now, against what it must be.

What it must be: what was planned, and what the operations on it have done since.  The store is
read in transactions of its own; the chain is asked outside of them.
"""

from collections.abc import Mapping, Sequence

from attrs import frozen

from application.deployments.pursue import Pursuit
from application.ports.chain import Chain, ChainUnavailableError
from application.ports.storage.work import Scope, Store
from application.tokens.request import issued
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.identifiers import NetworkId, OperationId
from domain.operation import Step
from domain.token import Action, Order, TokenState, differences, expected


@frozen(kw_only=True)
class Inspection:
    #: The one that made the token.
    deployment: Deployment
    expected: TokenState
    #: Whom it belongs to: who issued it, or to whom it was handed over last.
    owner: str | None
    #: None: there is no such thing on the chain.
    found: TokenState | None
    #: In words; () if none.
    differences: tuple[str, ...]
    #: An operation on the token was open meanwhile: a difference may be its doing.
    under_way: bool


@frozen(kw_only=True)
class Inspect:
    store: Store
    chains: Mapping[NetworkId, Chain]

    def __call__(self, scope: Scope, id: OperationId) -> Inspection | Refusal:
        """The token that the deployment *id* of *scope* has made.

        Refusals: ``not_found``, ``token_not_issued``, ``network_not_ready``.

        Raises:
            ChainUnavailableError: no node answers, or none that has seen all that was done.
            WrongChainError: the network must be halted.
        """
        before = self._read(scope, id)
        if isinstance(before, Refusal):
            return before
        deployment, operations = before
        chain = self.chains.get(deployment.network)
        if chain is None:
            return Refusal(code="network_not_ready", detail=f"{deployment.network} is not set up")
        done = _in_effect(operations)
        wanted = expected(chain.planned(Pursuit.intent(deployment)), _orders(done))
        found = _found(chain, deployment, [deployment, *done])
        if found is None:
            told: tuple[str, ...] = (f"there is nothing at {deployment.result}",)
        else:
            told = differences(wanted, found)
        under_way = any(each.state.is_open for each in operations)
        if told and not under_way:
            # One may have come and landed since its absence was read.
            under_way = self._read(scope, id) != before
        return Inspection(
            deployment=deployment,
            expected=wanted,
            owner=_owner(deployment, done),
            found=found,
            differences=told,
            under_way=under_way,
        )

    def _read(
        self, scope: Scope, id: OperationId
    ) -> tuple[Deployment, Sequence[Deployment]] | Refusal:
        with self.store.begin(scope) as work:
            deployment = issued(work, id)
            if isinstance(deployment, Refusal):
                return deployment
            return deployment, tuple(work.deployments.on_token(id))


def _found(chain: Chain, deployment: Deployment, done: Sequence[Deployment]) -> TokenState | None:
    """The token in a block that is no older than what was done to it."""
    found = chain.state(deployment.token, deployment.result or "")
    newest = max(_block_of(step) for each in done for step in each.steps)
    seen = found.at if found is not None else chain.head().final
    if seen is not None and seen.number < newest:
        detail = f"{chain.network.id}: a node shows block {seen.number}, before {newest}"
        raise ChainUnavailableError(detail)
    return found


def _in_effect(operations: Sequence[Deployment]) -> list[Deployment]:
    """Those that were carried out, in the order in which the chain did."""
    done = [each for each in operations if each.state is State.COMPLETED]
    return sorted(done, key=lambda each: (_block_of(each.steps[-1]), each.id))


def _owner(deployment: Deployment, done: Sequence[Deployment]) -> str | None:
    for order in reversed(_orders(done)):
        if order.action is Action.HAND_OVER:
            return str(order.parameters["to"])
    return deployment.owner


def _orders(operations: Sequence[Deployment]) -> list[Order]:
    return [each.order for each in operations if each.order is not None]


def _block_of(step: Step) -> int:
    return step.inclusion.block.number if step.inclusion is not None else 0
