"""Who asks, and what they remember: the record that the books are held against.

Users send a request until they are answered, or give up; whoever gave up does not know whether it
was taken.  Nobody here looks into a database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid5

from attrs import define, evolve, field

from application.billing.checkout import Item
from application.billing.settle import Settled
from application.billing.unsettled import UnsettledError
from application.deployments.request import Accepted, DeploymentRequest
from application.metered.usage import Usage
from application.once import Answered
from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.custody import CustodyUnavailableError
from application.ports.payments import PaymentsUnavailableError
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import StoreUnavailableError
from application.tokens.request import TokenOperationRequest
from domain.approval import Approval, Verdict
from domain.catalogue import PackName, TariffName
from domain.deployment import Deployment
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, MemberId, OperationId
from domain.ledger import Lot
from domain.token import Action, Order, Token, TokenKind
from tests.simulation.eyes import YES, Eyes
from tests.simulation.gifts import NOBODY, Giving
from tests.simulation.installation import Installation
from tests.simulation.scheduler import Died, Group, Scheduler
from tests.simulation.spending import Services
from tests.simulation.till import PACKS

PARAMETERS = {"name": "Gold", "symbol": "GLD", "decimals": 2, "supply": "1000"}
FINGERPRINT = b"f" * 32
#: Of the first organisation; of a member only the id is asked for.
_SOMEBODY_ELSE = MemberId(uuid5(INSTALLATION, "somebody else"))
#: What a client hears that may be otherwise in a moment.
_TRY_AGAIN = frozenset({"request_in_flight", "account_not_ready", "outcome_open"})
#: A client that hears nothing for so long asks again.
_PATIENCE = 30.0


class NoAnswerError(Exception):
    """The connection broke, or nobody is there."""


@define(eq=False)
class Asked:
    """One wish of a user's, however often it was sent."""

    number: int
    who: int
    network: str
    sort: str
    key: str
    #: Chosen by the user, from a plan; None: the house chooses.
    own: OperationId | None = None
    #: Where somebody else has to approve it: what, and who looks at it so many seconds later.
    plan_hash: bytes | None = None
    eyes: str = YES
    after: float = 0.0
    #: Of what is minted: the deployment's.
    of: OperationId | None = None
    sent: int = 0
    #: When it was first accepted, in virtual seconds.
    at: float = float("inf")
    accepted: OperationId | None = None
    #: All ids that were ever told for it.
    ids: set[OperationId] = field(factory=set)
    refused: str | None = None
    cancelled: bool = False


@define(eq=False)
class People:
    scheduler: Scheduler
    installation: Installation
    networks: tuple[str, ...]
    asked: dict[int, Asked] = field(factory=dict)
    #: By organisation: credits that were surely given.
    granted: dict[int, int] = field(factory=dict)
    grants: list[tuple[int, int, str]] = field(factory=list)
    #: By number: who, which pack or tariff, and the page that was opened for it.
    bought: dict[int, tuple[int, str, str | None]] = field(factory=dict)
    crowd: Group = field(factory=lambda: Group(name="people"))
    #: What nobody should ever be answered.
    surprises: list[str] = field(factory=list)
    #: Whether all clocks are right.
    is_punctual: bool = True
    services: Services = field(init=False)
    giving: Giving = field(init=False)
    #: Whether somebody else has to approve what the first organisation asks for.
    approves: bool = False
    eyes: Eyes = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.services = Services(
            self.scheduler, self._spend, is_punctual=self.is_punctual, surprises=self.surprises
        )
        self.giving = Giving(self.scheduler, self._give)
        self.eyes = Eyes(self.scheduler, self._decide, self._on_chain, self.surprises)

    def go(self, name: str, act: Callable[[], object]) -> None:
        self.scheduler.spawn(name, self.crowd, act)

    # What a user wants.

    def request(
        self,
        number: int,
        *,
        who: int,
        where: int,
        own: bool,
        tries: int,
        eyes: str = YES,
        after: float = 0.0,
    ) -> None:
        network = self.networks[where % len(self.networks)]
        who %= len(self.installation.members)
        asked = Asked(number, who, network, "deployment", key=f"request-{number}")
        asked.eyes, asked.after = eyes, after
        self.asked[number] = asked
        if who == 0 and self.approves:
            if not self._planned(asked, tries):
                return
        elif own:
            # As from a plan, on a machine of the user's.
            clock = self.installation.api.container.identifiers()
            asked.own = OperationId(clock.next())
        self.send(asked, tries)

    def _planned(self, asked: Asked, tries: int) -> bool:
        """Whether there is a plan that somebody may approve."""
        caller = self.installation.caller(asked.who)
        for attempt in range(tries):
            try:
                answer = self._answer(
                    lambda: self.installation.api.container.plan_deployment()(
                        caller, self._wish(asked)
                    )
                )
            except NoAnswerError:
                answer = None
            if isinstance(answer, tuple):
                plan, _ = answer
                asked.own, asked.plan_hash = plan.deployment, plan.hash
                return True
            self.scheduler.sleep(1.0 + attempt * 5)
        return False

    def send(self, asked: Asked, tries: int) -> None:
        """Until there is an answer; *tries* times at most."""
        for attempt in range(tries):
            asked.sent += 1
            try:
                answer = self._answer(lambda: self._act(asked))
            except NoAnswerError:
                answer = None
            match answer:
                case Accepted(deployment=deployment):
                    asked.ids.add(deployment.id)
                    asked.at = min(asked.at, self.scheduler.now)
                    asked.accepted = deployment.id
                    self._have_approved(asked, deployment.id)
                    return
                case Refusal(code=code) if code not in _TRY_AGAIN:
                    asked.refused = code
                    return
                case _:
                    self.scheduler.sleep(1.0 + attempt * 5)

    def _have_approved(self, asked: Asked, id: OperationId) -> None:
        plan_hash = asked.plan_hash
        if plan_hash is not None:
            self.go(
                "look",
                lambda: self.eyes.look(asked.number, id, plan_hash, asked.eyes, asked.after),
            )

    def again(self, of: int) -> None:
        asked = self.asked.get(of)
        if asked is not None:
            self.send(asked, 3)

    def mint(self, number: int, of: int, tries: int) -> None:
        made = self.asked.get(of)
        if made is None or made.accepted is None or made.sort != "deployment":
            return
        asked = Asked(
            number, made.who, made.network, "mint", key=f"request-{number}", of=made.accepted
        )
        self.asked[number] = asked
        self.send(asked, tries)

    def cancel(self, of: int) -> None:
        asked = self.asked.get(of)
        if asked is None or asked.accepted is None:
            return
        id, caller = asked.accepted, self.installation.caller(asked.who)
        for _ in range(3):
            try:
                answer = self._answer(
                    lambda: self.installation.api.container.cancel_deployment()(caller, id)
                )
            except NoAnswerError:
                self.scheduler.sleep(2.0)
                continue
            if isinstance(answer, Deployment):
                asked.cancelled = True
            return

    def retry(self, of: int) -> None:
        asked = self.asked.get(of)
        if asked is None or asked.accepted is None:
            return
        id, caller = asked.accepted, self.installation.caller(asked.who)
        key = IdempotencyKey(live=False, route="retry", key=f"retry-{of}")
        for _ in range(3):
            try:
                self._answer(
                    lambda: self.installation.api.container.retry_deployment()(
                        caller, id, key, FINGERPRINT
                    )
                )
            except NoAnswerError:
                self.scheduler.sleep(2.0)
                continue
            break
        # Whether or not it was answered.
        self._have_approved(asked, id)

    def grant(self, number: int, who: int, amount: int) -> None:
        """The operator's, who does not rest before it is certain."""
        who %= len(self.installation.members)
        reference = f"grant-{number}"
        self.grants.append((who, amount, reference))
        self._grant(who, amount, reference)
        self.granted[who] = self.granted.get(who, 0) + amount

    def _grant(self, who: int, amount: int, reference: str) -> None:
        organisation = self.installation.organisation(who)
        while True:
            try:
                answer = self._answer(
                    lambda: self.installation.api.container.grant_credits()(
                        organisation, amount, "for the test", reference
                    )
                )
            except NoAnswerError:
                self.scheduler.sleep(3.0)
                continue
            if not isinstance(answer, Lot) and answer.code != "already_granted":
                self.surprises.append(f"a grant was refused: {answer}")
            return

    def say_it_all_again(self) -> None:
        """After a restore: everybody sends what they had sent, in the order of the answers.

        In another one, what is on chain might find its credits or its month's place taken.
        """
        for who, amount, reference in [*self.grants]:
            self._grant(who, amount, reference)
        for number, (who, item, session) in [*self.bought.items()]:
            if session is not None:
                self._page(number, who, item)
        for asked in sorted(self.asked.values(), key=lambda each: (each.at, each.number)):
            asked.accepted = asked.refused = None
            asked.cancelled = False
            self.send(asked, 10)

    def buy(self, number: int, who: int, item: str, pause: float) -> None:
        """Open a page, and pay there, sooner or later."""
        who %= len(self.installation.members)
        self.bought[number] = (who, item, None)
        session = self._page(number, who, item)
        if session is not None:
            self.bought[number] = (who, item, session)
            self.scheduler.sleep(pause)
            self.installation.till.pay(who, session, item)

    def _page(self, number: int, who: int, item: str) -> str | None:
        caller = self.installation.caller(who)
        key = IdempotencyKey(live=False, route="POST checkout", key=f"buy-{number}")
        wanted = Item(pack=PackName(item)) if item in PACKS else Item(tariff=TariffName(item))
        for attempt in range(6):
            try:
                answer = self._answer(
                    lambda: self.installation.api.container.start_checkout()(
                        caller, wanted, key, item.encode().ljust(32, b" ")
                    )
                )
            except NoAnswerError:
                answer = None
            if isinstance(answer, Answered):
                session: str = answer.value.session
                return session
            if isinstance(answer, Refusal) and answer.code == "subscription_exists":
                return None
            self.scheduler.sleep(2.0 + 10.0 * attempt)
        return None

    def at_the_till(self, what: str, of: int, **details: Any) -> None:
        """What becomes of something that was bought, if it was."""
        who, item, session = self.bought.get(of, (0, "", None))
        if session is not None:
            getattr(self.installation.till, what)(who, session, item, **details)

    def use(self, number: int, who: int, **details: Any) -> None:
        self.services.use(number, who % len(self.installation.members), **details)

    def give(self, number: int, who: int, to: int | None, amount: int, tries: int) -> None:
        """To another organisation; None: to one that there is not."""
        members = len(self.installation.members)
        receiver = NOBODY if to is None else self.installation.organisation(to % members)
        self.giving.give(number, who % members, receiver, amount, tries)

    def close(self) -> None:
        """At the end of everything: what time has ended is written down for everybody."""
        for who in range(len(self.installation.members)):
            self.services.close(-1 - who, who)

    def bring(self, body: bytes, signature: str) -> bool:
        """The provider's knock at the API's door: whether it heard a 2xx."""
        try:
            answer = self._answer(
                lambda: self.installation.api.container.receive_payment_event()(body, signature)
            )
        except NoAnswerError:
            return False
        return isinstance(answer, Settled)

    # How it is asked for.

    def _spend(self, who: int, usage: Usage) -> Any:
        caller = self.installation.caller(who)
        try:
            return self._answer(
                lambda: self.installation.api.container.spend()(caller, usage, live=False)
            )
        except NoAnswerError:
            return None

    def _give(self, who: int, *asked: Any) -> Any:
        caller = self.installation.caller(who)
        try:
            return self._answer(
                lambda: self.installation.api.container.send_gift()(caller, *asked)
            )
        except NoAnswerError:
            return None

    def _act(self, asked: Asked) -> Accepted | Refusal:
        container = self.installation.api.container
        caller = self.installation.caller(asked.who)
        key = IdempotencyKey(live=False, route=f"POST {asked.sort}", key=asked.key)
        if asked.of is not None:
            # The route reads the order first, as it is now.
            order = container.validate_order()(
                caller, asked.of, Action.MINT, {"amount": "250", "to": self._stranger(asked)}
            )
            if not isinstance(order, Order):
                return order if isinstance(order, Refusal) else Refusal("invalid", str(order))
            wish = TokenOperationRequest(token=asked.of, order=order)
            return container.request_token_operation()(caller, wish, key, FINGERPRINT)
        return container.request_deployment()(caller, self._wish(asked), key, FINGERPRINT)

    def _wish(self, asked: Asked) -> DeploymentRequest:
        network = self.installation.worlds[asked.network].network.id
        chains = self.installation.api.container.chains()
        token = chains[network].token(TokenKind("memory_token"), PARAMETERS)
        assert isinstance(token, Token)
        return DeploymentRequest(
            deployment=asked.own, network=network, token=token, plan_hash=asked.plan_hash
        )

    def _decide(
        self, is_other: bool, id: OperationId, verdict: Verdict, plan_hash: bytes
    ) -> Approval | Refusal | None:
        caller = self.installation.caller(0)
        if is_other:
            caller = evolve(caller, member=_SOMEBODY_ELSE)
        try:
            answer: Approval | Refusal = self._answer(
                lambda: self.installation.api.container.decide_approval()(
                    caller, id, verdict, plan_hash
                )
            )
        except NoAnswerError:
            return None
        return answer

    def _on_chain(self, id: OperationId) -> int:
        """How often a deployment of the first organisation's is."""
        place = (str(self.installation.organisation(0)), str(id))
        return sum(
            each.step[:2] == place and each.sort == "Creation"
            for world in self.installation.worlds.values()
            for each in world.effects()
        )

    def _stranger(self, asked: Asked) -> str:
        """Somebody who has nothing to do with it."""
        is_counting = self.installation.worlds[asked.network].network.id == "memory:1"
        return "0x" + "5" * 40 if is_counting else "MEM" + "5" * 40

    def _answer(self, act: Callable[[], Any]) -> Any:
        """What the API says to one request, in an actor of its own.

        Raises: NoAnswerError: the request may have been carried out.
        """
        api, waiting = self.installation.api, self.scheduler.current
        if waiting is None or api.group.is_dead:
            raise NoAnswerError
        box: list[Any] = []

        def serve() -> None:
            try:
                box.append(act())
            except (
                StoreUnavailableError,
                ChainUnavailableError,
                WrongChainError,
                CustodyUnavailableError,
                PaymentsUnavailableError,
                UnsettledError,
            ):
                # 503 and the like.
                box.append(None)
            except Died:
                raise
            except Exception as error:
                self.surprises.append(f"the API fell over: {error!r}")
                raise
            finally:
                self.scheduler.wake(waiting)

        self.scheduler.spawn("request", api.group, serve)
        self.scheduler.wait(_PATIENCE)
        if not box or box[0] is None:
            raise NoAnswerError
        return box[0]
