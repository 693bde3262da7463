"""Give credits to another organisation.

Three transactions, one wallet each: the giver's sends, the receiver's grants, the giver's notes
the end.  Between any two of them a process may die: the gift's row says that it is under way, the
task is made again from it, and the receiver's grants are the same facts as before.
"""

from attrs import evolve, frozen

from application.access.caller import Caller
from application.audit.trail import Trail
from application.credits.licence import licence_refusal
from application.credits.post import Order, post, post_all
from application.once import Answered, Once
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Scope, Store, Work
from domain.audit import WORKER
from domain.catalogue import KindClass
from domain.errors import Refusal
from domain.gift import (
    DAILY_CAP,
    Direction,
    Gift,
    GiftState,
    day_of,
    inherited,
    lots_of,
    over_the_cap,
)
from domain.identifiers import (
    INSTALLATION,
    GiftId,
    LotId,
    OrganisationId,
    Prefix,
    public_id,
)
from domain.ledger import GiftBack, Gifted, GiftOut, Grant
from domain.organisation import Permission

#: The outbox's topic; its key is the gift's public id.
TOPIC = "gift.sent"


@frozen(kw_only=True)
class GiftRequest:
    to: OrganisationId
    amount: int
    message: str | None = None


@frozen(kw_only=True)
class SendGift:
    store: Store
    clock: Clock
    identifiers: Identifiers
    #: Credits per organisation and day (UTC).
    daily_cap: int = DAILY_CAP

    def __call__(
        self, caller: Caller, request: GiftRequest, key: IdempotencyKey, fingerprint: bytes
    ) -> Answered[Gift] | Refusal:
        """Send the credits on their way, once per *key*.

        Whether there is a receiver is not looked up: the answer is the same for any id, and a gift
        that nobody can take comes back.
        """
        if refusal := caller.refusal(Permission.WRITE_CREDITS):
            return refusal
        once = Once(
            store=self.store,
            clock=self.clock,
            act=lambda work: self._send(work, caller, request),
            id_of=lambda gift: gift.id,
            again=lambda work, id: work.gifts.get(GiftId(id)),
        )
        return once(caller.scope, key, fingerprint)

    def _send(self, work: Work, caller: Caller, request: GiftRequest) -> Gift | Refusal:
        if request.to == caller.organisation:
            return Refusal(code="gift_to_self", detail="a gift is for another organisation")
        work.ledger.stand_in_line()
        now = self.clock.now()
        # What was bought is frozen while nothing may begin, and not to be saved by giving it away.
        if refusal := licence_refusal(work, KindClass.CORE, now):
            return refusal
        given = work.gifts.given_since(day_of(now))
        if refusal := over_the_cap(request.amount, given, self.daily_cap):
            return refusal
        id = GiftId(self.identifiers.next())
        name = public_id(Prefix.GIFT, id)
        trail = caller.trail(self.identifiers)
        command = GiftOut(gift=id, amount=request.amount)
        order = Order(trail=trail, command=command, subject=id, correlation=name)
        (outcome,) = post_all(work, [order], now)
        if outcome.refusal is not None:
            trail.write(work)
            return outcome.refusal
        portions = [
            portion
            for event in outcome.events
            if isinstance(event, Gifted)
            for portion in event.portions
        ]
        # A lease that was over may have given back to lots that had nothing left before.
        wallet = work.ledger.lock(lots={portion.lot for portion in portions})
        gift = Gift(
            organisation=caller.organisation,
            id=id,
            direction=Direction.SENT,
            other=request.to,
            amount=request.amount,
            message=request.message,
            sent_by=caller.name,
            sent_at=now,
            portions=inherited(portions, wallet),
        )
        work.gifts.add(gift)
        work.outbox.add(TOPIC, name)
        _tell(trail, "gift.sent", gift)
        trail.write(work)
        return gift


@frozen(kw_only=True)
class DeliverGift:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(self, giver: OrganisationId, id: GiftId) -> GiftState | None:
        """Bring a gift to its end; tell which, or None where there is no such gift.

        Any number of times, by anybody, at once: it is granted once and ends once.
        """
        with self.store.begin(Scope(organisation=giver)) as work:
            gift = work.gifts.get(id)
        if gift is None:
            return None
        if gift.state is not GiftState.UNDER_WAY:
            return gift.state
        return self._close(gift, is_taken=self._receive(gift))

    def _receive(self, gift: Gift) -> bool:
        """Whether there is a receiver, who has it now."""
        # The operator's own organisation takes no presents.
        if gift.other == INSTALLATION:
            return False
        with self.store.begin(Scope(organisation=gift.other)) as work:
            if work.organisations.get() is None:
                return False
            work.ledger.stand_in_line()
            now = self.clock.now()
            trail = self._trail(gift.other)
            ids = [LotId(self.identifiers.next()) for _ in gift.portions]
            orders = [
                Order(
                    trail=trail,
                    command=Grant(lot=lot, is_granted_before=work.ledger.is_granted(lot.fact)),
                    subject=gift.id,
                    correlation=gift.name,
                )
                for lot in lots_of(gift, ids, now)
            ]
            post_all(work, orders, now)
            received = evolve(
                gift,
                organisation=gift.other,
                direction=Direction.RECEIVED,
                other=gift.organisation,
                state=GiftState.DELIVERED,
                # Not the giver's people.
                sent_by=public_id(Prefix.ORGANISATION, gift.organisation),
                closed_at=now,
                portions=(),
            )
            if work.gifts.add(received):
                _tell(trail, "gift.received", received)
            trail.write(work)
        return True

    def _close(self, gift: Gift, *, is_taken: bool) -> GiftState:
        with self.store.begin(Scope(organisation=gift.organisation)) as work:
            work.ledger.stand_in_line()
            now = self.clock.now()
            before = work.gifts.get(gift.id)
            if before is None or before.state is not GiftState.UNDER_WAY:
                # Somebody else was faster; there is one receiver, so it ended alike.
                return before.state if before else gift.state
            trail = self._trail(gift.organisation)
            state = GiftState.DELIVERED if is_taken else GiftState.RETURNED
            closed = evolve(before, state=state, closed_at=now)
            if not is_taken:
                back = GiftBack(gift=gift.id, portions=gift.taken)
                post(work, trail, back, now, subject=gift.id, correlation=gift.name)
            work.gifts.close(closed)
            _tell(trail, f"gift.{state}", closed)
            trail.write(work)
        return state

    def _trail(self, organisation: OrganisationId) -> Trail:
        return Trail(identifiers=self.identifiers, organisation=organisation, actor=WORKER)


def _tell(trail: Trail, action: str, gift: Gift) -> None:
    """In the words of one side: the other's organisation, not its people."""
    trail.add(
        action,
        gift.name,
        gift.closed_at or gift.sent_at,
        details={
            "amount": gift.amount,
            "organisation": public_id(Prefix.ORGANISATION, gift.other),
        },
    )
