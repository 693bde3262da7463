"""Organisations that pay on a loopback Stripe, and an operator who takes their money.

What they do, they do with commands they could have sent; what is held against our books is read
from the loopback's own objects, and from nothing that went through our code.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from attrs import define, field, frozen

from adapters.memory.alarms import MemoryAlarms
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.storage import MemoryStore
from application.access.caller import Caller
from application.billing.charge import ChargeFees
from application.billing.checkout import Item, StartCheckout
from application.billing.leave import LeaveEnded
from application.billing.publish import PublishCatalogue
from application.billing.receive import ReceivePaymentEvent
from application.billing.reconcile import Compared, Reconcile
from application.billing.settle import Settle
from application.billing.unsettled import UnsettledError
from application.once import Answered
from application.ports.clock import Clock
from application.ports.payments import (
    Payments,
    PaymentsUnavailableError,
)
from application.ports.storage.billing import Checkout
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Scope, Store, StoreUnavailableError
from domain.audit import Actor
from domain.catalogue import Catalogue, PackName, TariffName
from domain.errors import Refusal
from domain.identifiers import MemberId, OrganisationId, Prefix, UserId, public_id
from domain.ledger import LedgerAccount
from domain.organisation import PERMISSIONS, Member, Organisation, Role, User
from entrypoints.devnet.stripe import Loopback, loopback
from tests.billing.sdk import payments_on
from tests.catalogue import TOKENS

Record = dict[str, Any]


@frozen
class LoopbackClock(Clock):
    """Our clock shows what Stripe's shows."""

    _loopback: Loopback

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._loopback.account.now, UTC)


@define(eq=False)
class BillingHouse:
    stripe: Loopback = field(factory=lambda: loopback(seed=1))
    store: Store = field(factory=MemoryStore)
    catalogue: Catalogue = TOKENS
    payments: Payments = field(init=False)
    clock: Clock = field(init=False)
    identifiers: MemoryIdentifiers = field(init=False)
    alarms: MemoryAlarms = field(factory=MemoryAlarms)
    _requests: int = 0

    def __attrs_post_init__(self) -> None:
        self.payments = payments_on(self.stripe)
        self.clock = LoopbackClock(self.stripe)
        self.identifiers = MemoryIdentifiers(self.clock, seed=hash(str(uuid4())))
        self.publish()

    # What we do.

    @property
    def settle(self) -> Settle:
        return Settle(
            store=self.store,
            payments=self.payments,
            catalogue=self.catalogue,
            alarms=self.alarms,
            clock=self.clock,
            identifiers=self.identifiers,
        )

    def receive(self, body: bytes, headers: Any) -> int:
        """The webhook's route, without the route: its status."""
        use_case = ReceivePaymentEvent(
            payments=self.payments, settle=self.settle, clock=self.clock
        )
        try:
            answer = use_case(body, headers["Stripe-Signature"])
        except (PaymentsUnavailableError, UnsettledError, StoreUnavailableError):
            return 503
        return 400 if isinstance(answer, Refusal) else 200

    def reconcile(self) -> Compared:
        return Reconcile(
            store=self.store,
            payments=self.payments,
            settle=self.settle,
            alarms=self.alarms,
            clock=self.clock,
        )()

    def publish(self) -> None:
        PublishCatalogue(payments=self.payments, catalogue=self.catalogue)()

    def charge_fees(self) -> int:
        return ChargeFees(
            store=self.store,
            payments=self.payments,
            alarms=self.alarms,
            clock=self.clock,
            identifiers=self.identifiers,
        )()

    def leave_ended(self) -> int:
        return LeaveEnded(
            store=self.store,
            catalogue=self.catalogue,
            clock=self.clock,
            identifiers=self.identifiers,
        )()

    # What an organisation does.

    def register(self) -> OrganisationId:
        organisation, user = OrganisationId(uuid4()), UserId(uuid4())
        now = self.clock.now()
        with self.store.begin(Scope(organisation=organisation, user=user)) as work:
            work.users.add(
                User(id=user, email=f"{user}@example.com", password_hash="hash", created_at=now)
            )
            work.organisations.add(
                Organisation(
                    id=organisation, name="Ada & Co", tariff=TariffName("free"), created_at=now
                ),
                Member(
                    organisation=organisation,
                    id=MemberId(uuid4()),
                    user=user,
                    role=Role.OWNER,
                    created_at=now,
                ),
            )
        return organisation

    def caller(self, organisation: OrganisationId) -> Caller:
        member = MemberId(uuid4())
        return Caller(
            organisation=organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member)),
            permissions=PERMISSIONS[Role.OWNER],
            live=None,
            request_id="req_1",
            member=member,
        )

    def start_checkout(
        self, organisation: OrganisationId, item: Item, key: str | None = None
    ) -> Answered[Checkout] | Refusal:
        self._requests += 1
        named = IdempotencyKey(
            live=False, route="POST /v1/billing/checkout", key=key or f"key {self._requests}"
        )
        return StartCheckout(
            store=self.store,
            payments=self.payments,
            catalogue=self.catalogue,
            alarms=self.alarms,
            clock=self.clock,
            identifiers=self.identifiers,
            return_url="https://issue.example.com",
        )(self.caller(organisation), item, named, item.name.encode().ljust(32, b" "))

    def checkout(self, organisation: OrganisationId, item: Item) -> str:
        """The provider's name of a page that was opened."""
        answer = self.start_checkout(organisation, item)
        assert isinstance(answer, Answered), answer
        return answer.value.session

    def buy(self, organisation: OrganisationId, pack: str = "small") -> str:
        """Pay for a pack at once; the payment."""
        session = self.checkout(organisation, Item(pack=PackName(pack)))
        payment: str = self.stripe.control.pay_checkout(session)["payment_intent"]
        return payment

    def subscribe(self, organisation: OrganisationId, tariff: str = "starter") -> str:
        session = self.checkout(organisation, Item(tariff=TariffName(tariff)))
        subscription: str = self.stripe.control.pay_checkout(session)["subscription"]
        return subscription

    # What anybody can see.

    def issued(self, organisation: OrganisationId) -> dict[str, int]:
        """What the journal says was given and not taken back, by source."""
        lines: dict[str, int] = defaultdict(int)
        before = None
        with self.store.begin(Scope(organisation=organisation)) as work:
            while page := work.ledger.journal(before=before, limit=100).items:
                for entry in page:
                    lines[entry.posting.debit.value] += entry.posting.amount
                    lines[entry.posting.credit.value] -= entry.posting.amount
                before = page[-1].sequence
        assert sum(lines.values()) == 0
        return {
            account.value.removeprefix("issued:"): lines[account.value]
            for account in (LedgerAccount.ISSUED_PACK, LedgerAccount.ISSUED_PLAN)
        }

    def tariff(self, organisation: OrganisationId) -> str:
        with self.store.begin(Scope(organisation=organisation)) as work:
            found = work.organisations.get()
        assert found is not None
        return found.tariff
