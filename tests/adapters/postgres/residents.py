"""Organisations with something in every table, made through the port."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from attrs import evolve, field, frozen

from application.ports.custody import Wrapped
from application.ports.storage.billing import Checkout, Reconciliation
from application.ports.storage.evidence import IssuedEvidence
from application.ports.storage.idempotency import IdempotencyKey, Remembered
from application.ports.storage.letters import Letter
from application.ports.storage.licence import LicenceRecord
from application.ports.storage.subjects import SubjectKey
from application.ports.storage.tokens import TokenWatch
from application.ports.storage.webhooks import Outcome
from application.ports.storage.work import Scope, Store
from domain.abuse import LoginFailures, Rule, Spending, Throttle
from domain.account import Account
from domain.approval import Approval
from domain.audit import WORKER, AuditDraft, EventFilter
from domain.deployment import Deployment, Signed, SlotReserved
from domain.export import Export, ExportFormat, Part
from domain.fees import FeeKind, FeeLine
from domain.gift import Direction, Gift, GiftPortion
from domain.key_change import KeyAction, KeyChange
from domain.ledger import Grant, HoldCredits, Lot, Source, decide, fold
from domain.letter import LetterKind
from domain.money import Money
from domain.network import Family, Finality, Network, NetworkClass
from domain.operation import Attempt, NonceLine, Signer, TransactionId
from domain.organisation import ApiKey, Member, Organisation, Permission, Role, Session, User
from domain.payment import (
    CustomerId,
    Dispute,
    DisputeId,
    PaidPeriod,
    PaymentEvent,
    PaymentId,
    Purchase,
    Subscription,
    SubscriptionId,
)
from domain.quota import Quota, QuotaShift, Subject, Team, Window
from domain.retention import LegalHold
from domain.sign_in import Flow, Identity
from domain.signing import Curve, PublicKey
from domain.token import Token, TokenKind
from domain.webhook import Attempt as Sending
from domain.webhook import Delivery, Endpoint, Secret
from tests.catalogue import FREE, STARTER

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NETWORK = Network(
    id="eip155:31337",
    name="anvil",
    family=Family.EVM,
    network_class=NetworkClass.DEVELOPMENT,
    finality=Finality(tag="finalized"),
    fee_ceiling=10**11,
    native_currency="ETH",
    native_decimals=18,
    poll=timedelta(seconds=1),
    replace_after=timedelta(seconds=30),
)
TREASURY = "0x00000000000000000000000000000000000000Aa"
PUBLIC_KEY = PublicKey(Curve.SECP256K1, bytes(64))
KEY = IdempotencyKey(live=False, route="POST /v1/deployments", key="first")


def draft(organisation, subject="dep_1", action="deployment.queued"):
    return AuditDraft(
        id=uuid4(),
        organisation=organisation,
        at=NOW,
        actor=WORKER,
        action=action,
        subject=subject,
        live=False,
        correlation=subject,
        request_id=None,
        details={},
        salt=bytes(16),
    )


def attempt(number=1):
    return Attempt(
        number=number,
        transaction_id=TransactionId(f"0x{uuid4().hex}"),
        raw=b"raw",
        body=b"body",
        fee_cap=2**70,
        signed_at=NOW,
    )


@frozen(kw_only=True)
class Resident:
    organisation: UUID = field(factory=uuid4)
    user: UUID = field(factory=uuid4)
    member: UUID = field(factory=uuid4)
    account: UUID = field(factory=uuid4)
    session: UUID = field(factory=uuid4)
    api_key: UUID = field(factory=uuid4)
    #: Queued, with a hold.
    waiting: UUID = field(factory=uuid4)
    #: Submitted, with an open slot and an attempt.
    submitted: UUID = field(factory=uuid4)

    @property
    def scope(self):
        return Scope(organisation=self.organisation)

    @classmethod
    def move_in(cls, store: Store, email: str) -> "Resident":
        self = cls()
        with store.begin(Scope.installation()) as work:
            work.networks.register(NETWORK)
            work.signers.add(
                Signer(
                    network=NETWORK.id,
                    address=TREASURY,
                    key="local-keys:treasury",
                    public_key=PUBLIC_KEY,
                    next_sequence=0,
                    limit=10_000,
                )
            )
        with store.begin(Scope(organisation=self.organisation, user=self.user)) as work:
            self._register(work, email)
        with store.begin(self.scope) as work:
            work.idempotency.take(KEY, NOW)
            self.deploy(work, self.waiting, price=5)
            remembered = Remembered(
                fingerprint=bytes(32),
                operation=self.waiting,
                refusal=None,
                expires_at=NOW + timedelta(days=30),
            )
            work.idempotency.remember(KEY, remembered)
            work.audit.append(draft(self.organisation))
            work.outbox.add("account.requested", "acct_1")
        self.submit(store, self.submitted)
        with store.begin(self.scope) as work:
            work.token_watches.add(
                TokenWatch(
                    organisation=self.organisation,
                    deployment=self.submitted,
                    live=False,
                    due_at=NOW,
                )
            )
        with store.begin(self.scope) as work:
            work.accounts.choose("memory")
            work.key_changes.add(
                KeyChange(
                    organisation=self.organisation,
                    id=uuid4(),
                    account=self.account,
                    action=KeyAction.ROTATE,
                    custodian="memory",
                    requested_by="mem_1",
                    requested_at=NOW,
                )
            )
        with store.begin(self.scope) as work:
            work.fees.add(self.a_fee())
            work.native_budgets.reserve(self.waiting, NETWORK.id, NOW.date(), 2**70)
            work.approvals.need(needed=True)
            work.approvals.put(
                Approval.asked(self.organisation, self.waiting, bytes(32), self.member, NOW)
            )
            work.evidence.add(
                IssuedEvidence(
                    operation=self.submitted,
                    event=uuid4(),
                    sequence=1,
                    issued_at=NOW,
                    events=(1,),
                    core=b"{}",
                )
            )
        with store.begin(self.scope) as work:
            self.pay(work)
        with store.begin(self.scope) as work:
            self.be_counted(work)
        with store.begin(self.scope) as work:
            self.share(work)
        with store.begin(self.scope) as work:
            self.take_away(work)
        with store.begin(self.scope) as work:
            self.be_told(work)
        return self

    def take_away(self, work):
        """An export that is under way, with one part; an invitation; somebody who signs in."""
        work.sign_in_flows.add(
            Flow(
                id=uuid4(),
                secret_hash=bytes(32),
                issuer="https://login.example",
                started_at=NOW,
                expires_at=NOW + timedelta(minutes=10),
            )
        )
        work.letters.add(
            Letter(
                organisation=self.organisation,
                id=uuid4(),
                kind=LetterKind.INVITATION,
                secret_hash=bytes(32),
                written_at=NOW,
                expires_at=NOW + timedelta(days=7),
                due_at=NOW,
            )
        )
        export = Export(
            organisation=self.organisation,
            id=uuid4(),
            format=ExportFormat.CSV,
            wanted=EventFilter(),
            requested_by="mem_1",
            requested_at=NOW,
            last_sequence=1,
        )
        work.exports.add(export)
        token = work.exports.lease(export.id, timedelta(minutes=1))
        part = Part(
            number=1,
            name="part-00001.csv",
            size=9,
            sha256=bytes(32),
            events=1,
            first_sequence=1,
            last_sequence=1,
        )
        work.exports.add_part(export.id, token, part)
        hold = LegalHold(
            organisation=self.organisation, id=uuid4(), reason="a court", placed_at=NOW
        )
        work.legal_holds.add(hold)
        placed = draft(self.organisation, hold.name, "legal_hold.placed")
        work.audit.append(evolve(placed, details=hold.details))

    def be_told(self, work):
        """An endpoint whose first message was answered, under somebody's lease."""
        endpoint = Endpoint(
            organisation=self.organisation,
            id=uuid4(),
            url="https://hooks.example.com/",
            live=False,
            created_by="mem_1",
            created_at=NOW,
            cursor=0,
            due_at=NOW,
        )
        secret = Secret(number=1, wrapping="w", ciphertext=b"c", created_at=NOW)
        work.webhooks.add(endpoint, secret)
        delivery = Delivery(
            organisation=self.organisation,
            endpoint=endpoint.id,
            id=uuid4(),
            number=1,
            event=uuid4(),
            sequence=1,
            event_type="deployment.queued",
            subject="dep_1",
            body=b"{}",
            created_at=NOW,
        )
        work.webhooks.add_deliveries([delivery])
        claims = work.webhooks.take(NOW, 100, timedelta(minutes=1), slow=100)
        (claim,) = (each for each in claims if each.endpoint == endpoint.id)
        attempt = Sending(
            url=endpoint.url, at=NOW, took=timedelta(0), status=500, excerpt="broken"
        )
        work.webhooks.record(
            claim, [Outcome(delivery=evolve(delivery, attempts=1), attempt=attempt)]
        )

    def a_fee(self):
        """A share of what the submitted deployment was said to be worth."""
        return FeeLine(
            deployment=self.submitted,
            kind=FeeKind.VALUE,
            live=False,
            at=NOW,
            currency="USD",
            amount_minor=5,
            basis_points=50,
            declared=Money(amount_minor=1_000, currency="USD"),
        )

    def be_counted(self, work):
        """What is counted of the member, and told of the licence."""
        failures = LoginFailures(count=5, last_at=NOW, locked_until=NOW)
        work.throttles.lock("mem_1")
        counted = Throttle(recent=((1, 1),), failures=failures, told={Rule.RATE: NOW})
        work.throttles.put("mem_1", counted)
        work.ledger.lock()
        work.spendings.put({"mem_1": Spending(buckets=((NOW, 5),), alerted_at=NOW)})
        work.licences.put(LicenceRecord(due_at=NOW))

    def share(self, work):
        """A team with a quota, of which a part was passed on, and a gift that is under way."""
        wallet = work.ledger.lock()
        team = Team(organisation=self.organisation, id=uuid4(), name="Ops", created_at=NOW)
        work.teams.add(team)
        subject = Subject.team(team.id)
        work.quotas.put(
            Quota(
                organisation=self.organisation,
                subject=subject,
                window=Window.DAY,
                limit=5,
                set_at=NOW,
            )
        )
        work.quotas.shift(
            QuotaShift(
                organisation=self.organisation,
                id=uuid4(),
                giver=self.member,
                receiver=uuid4(),
                window=Window.DAY,
                since=NOW,
                amount=1,
                by="mem_1",
                at=NOW,
            )
        )
        work.quotas.attribute(work.deployments.get(self.waiting).hold, [team.id])
        work.gifts.add(
            Gift(
                organisation=self.organisation,
                id=uuid4(),
                direction=Direction.SENT,
                other=uuid4(),
                amount=1,
                sent_by="mem_1",
                sent_at=NOW,
                portions=(GiftPortion(lot=wallet.lots[0].id, amount=1),),
            )
        )

    def pay(self, work):
        """A pack and a subscription, with all that there is to know of them."""
        work.billing.lock()
        work.billing.bind(CustomerId(f"cus_{self.organisation.hex}"), NOW)
        work.billing.record(
            PaymentEvent(id="evt_1", kind="ping", created_at=NOW, live=False, subject=None), NOW
        )
        work.billing.put_purchase(
            Purchase(
                payment=PaymentId("pi_1"),
                pack="small",
                credits=500,
                amount_minor=2_900,
                currency="USD",
                paid_at=NOW,
                version=1,
            )
        )
        subscription = SubscriptionId("sub_1")
        work.billing.put_subscription(
            Subscription(
                id=subscription,
                tariff=STARTER,
                period_start=NOW,
                period_end=NOW + timedelta(days=30),
                version=1,
            )
        )
        work.billing.put_period(
            PaidPeriod(
                subscription=subscription,
                price="starter",
                tariff=STARTER,
                start=NOW,
                end=NOW + timedelta(days=30),
                payment=PaymentId("pi_2"),
                amount_minor=9_900,
                currency="USD",
                paid_at=NOW,
            )
        )
        work.billing.put_dispute(
            Dispute(id=DisputeId("dp_1"), payment=PaymentId("pi_1"), opened_at=NOW)
        )
        work.billing.add_checkout(
            Checkout(
                id=uuid4(),
                item="pack:small",
                session="cs_1",
                url="https://pay.example.com/1",
                expires_at=NOW,
                created_at=NOW,
            )
        )
        work.billing.add_reconciliation(Reconciliation(at=NOW, through=NOW, repaired=0, alarms=0))

    def _register(self, work, email):
        work.users.add(User(id=self.user, email=email, password_hash="$argon2id$", created_at=NOW))
        wrapped = Wrapped(wrapping="local-keys:master/1", ciphertext=b"sealed")
        work.users.verify(NOW)
        work.identities.add(
            Identity(
                user=self.user,
                id=uuid4(),
                issuer="https://login.example",
                subject_hash=self.user.bytes * 2,
                linked_at=NOW,
            )
        )
        work.subject_keys.add(SubjectKey(user=self.user, wrapped=wrapped, made_at=NOW))
        work.organisations.add(
            Organisation(id=self.organisation, name="Ada & Co", tariff=FREE, created_at=NOW),
            Member(
                organisation=self.organisation,
                id=self.member,
                user=self.user,
                role=Role.OWNER,
                created_at=NOW,
            ),
        )
        work.sessions.add(
            Session(
                id=self.session,
                user=self.user,
                organisation=self.organisation,
                created_at=NOW,
                expires_at=NOW + timedelta(days=30),
                refresh_hash=bytes(32),
                rotated_at=NOW,
            )
        )
        work.api_keys.add(
            ApiKey(
                organisation=self.organisation,
                id=self.api_key,
                name="ci",
                live=False,
                scopes=frozenset({Permission.READ_CREDITS}),
                secret_hash=bytes(32),
                hint="abcd",
                created_by=self.member,
                created_at=NOW,
            )
        )
        work.accounts.add(
            Account(
                organisation=self.organisation,
                id=self.account,
                family=Family.EVM,
                live=False,
                custodian="local-keys",
                created_at=NOW,
            )
        )
        work.secrets.add("key", Wrapped(wrapping="local-keys:master/1", ciphertext=b"sealed"))
        self.grant(work, 1_000)

    def grant(self, work, amount):
        lot = Lot(
            id=uuid4(),
            source=Source.PACK,
            priority=40,
            amount=amount,
            remaining=amount,
            effective_at=NOW,
            fact=f"pack:{uuid4()}",
        )
        self._post(work, Grant(lot=lot, is_granted_before=False))

    def deploy(self, work, id, *, price=0, due_at=NOW, **changes):
        """Store a queued deployment; with a price, held first."""
        hold = uuid4() if price else None
        if hold:
            self._post(work, HoldCredits(id=hold, subject=id, amount=price))
        deployment = Deployment(
            organisation=self.organisation,
            id=id,
            network=NETWORK.id,
            live=False,
            account=self.account,
            requested_by="mem_1",
            token=Token(
                kind=TokenKind("erc20_mintable"),
                name="Gold",
                symbol="GLD",
                decimals=18,
                supply=2**200,
                parameters={"cap": str(2**200), "burnable": True, "note": None},
            ),
            sender=TREASURY,
            owner="0x00000000000000000000000000000000000000Bb",
            fee_ceiling=2**70,
            credits=price,
            hold=hold,
            accepted_at=NOW,
        )
        work.deployments.add(evolve(deployment, **changes), due_at)

    def submit(self, store: Store, id: UUID) -> int:
        """Deploy, reserve the treasury's next nonce, and sign in it; tell the nonce."""
        with store.begin(self.scope) as work:
            self.deploy(work, id)
        with store.begin(self.scope) as work:
            deployment = work.deployments.lock(id)
            signer = work.signers.lock(NETWORK.id, TREASURY)
            open_slots = work.signers.open_slots(NETWORK.id, TREASURY)
            slot, after = signer.reserve(open_slots, 1, NonceLine(0))
            work.signers.put(after)
            reserved = deployment.apply(SlotReserved(step=1, slot=slot))
            work.deployments.put(reserved.apply(Signed(step=1, attempt=attempt())), NOW, None)
        return slot.sequence

    def _post(self, work, command):
        wallet = work.ledger.lock()
        events = decide(wallet, command, NOW)
        work.ledger.record(wallet, events, NOW, "mem_1")
        return [fold(wallet, event) for event in events]
