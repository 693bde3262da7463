"""A step that is about to be made: the second one of a deployment, and that of a mint."""

from attrs import field, frozen

from domain.deployment import State
from domain.identifiers import OperationId
from tests.algod.house import MINTABLE, AlgodHouse
from tests.application.house import LEASE_IS_OVER
from tests.application.mortal import Fate

NAMES = ("bootstrap", "mint")
MINTED = 250
INITIAL = 1_000


@frozen
class Errand:
    """Whatever befell it, it was done once: the ledger says so."""

    house: AlgodHouse
    id: OperationId
    #: The deployment of the token.
    token: OperationId
    #: What exists when it is done.
    supply: int
    spent: int = field(kw_only=True)

    @property
    def now(self):
        return self.house.get(self.id)

    @property
    def ids(self):
        """Transaction ids of the step's attempts, by our records."""
        return [attempt.transaction_id for attempt in self.now.step.attempts]

    def is_done_once(self):
        house, ended = self.house, self.now
        house.is_intact()
        assert ended.state is State.COMPLETED, (ended.state, ended.waiting, ended.failure)
        assert house.effects(ended) == 1
        assert len(house.calls(ended)) == len(ended.steps)
        token = house.get(self.token)
        assert house.tokens(self.token) == 1
        assert house.supply(token) == self.supply
        assert house.credits == (25 - self.spent, 0, self.spent)
        assert house.open_holds == 0
        owner = house.devnet.ledger.account(token.owner)
        assert owner.applications == 1
        assert owner.microalgos >= owner.min_balance

    def is_exact(self):
        """Nobody was brought more than what was locked up."""
        token = self.house.get(self.token)
        account = self.house.devnet.ledger.account(token.owner)
        assert account.microalgos == account.min_balance

    def is_not_done(self, waiting):
        assert self.now.waiting is waiting, (self.now.state, self.now.waiting, self.now.failure)
        token = self.house.get(self.token)
        assert self.house.effects(self.now) == (0 if self.now.order else 1)
        if token.result is not None:
            assert self.house.supply(token) == (INITIAL if self.now.order else 0)
        self.house.is_intact()


def an_errand(house: AlgodHouse, name: str, kind=MINTABLE) -> Errand:
    if name == "mint":
        token = house.issue(token=house.contract(kind))
        house.go_to(1)
        minted = house.operate(token.id)
        return Errand(house, minted.id, token.id, INITIAL + MINTED, spent=6)
    id = house.deploy(token=house.contract(kind)).id
    house.life(Fate({}))
    house.devnet.mine()
    house.pass_time(LEASE_IS_OVER)
    assert house.get(id).step.number == 1
    return Errand(house, id, id, INITIAL, spent=5)
