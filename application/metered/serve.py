"""Serve those whose turn it is: one transaction, each command decided in the order it came."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress

from attrs import define, field, frozen

from application.audit.trail import Trail
from application.credits.allowance import orders_due_on
from application.credits.licence import licence_of
from application.credits.post import Books, Order
from application.credits.terms import Terms, price_on, terms_of
from application.metered.usage import (
    Answer,
    Asked,
    CaptureUsage,
    HoldUsage,
    ReleaseUsage,
    RenewUsage,
    Served,
    is_live,
    mode_refusal,
    subject_of,
)
from application.metered.watch import Watch
from application.once import is_remembered, refusal_of, remembered_refusal
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey, Remembered
from application.ports.storage.together import Joint, SharedStore, StaleError, Wanted
from domain.abuse import AbuseRules, MeteredCall
from domain.catalogue import Catalogue, KindClass, Price
from domain.errors import Refusal
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.ledger import Capture, Command, Hold, HoldCredits, Release, Renew
from domain.licence import Licence


@frozen(kw_only=True)
class ServeTurn:
    """Whose wallet somebody else holds is left out where others are to be served too."""

    store: SharedStore
    clock: Clock
    identifiers: Identifiers
    catalogue: Catalogue
    rules: AbuseRules

    def __call__(
        self, turn: Mapping[OrganisationId, Sequence[Asked]]
    ) -> Mapping[OrganisationId, Sequence[Answer]]:
        wanted = {id: _wanted(asked) for id, asked in turn.items()}
        known = self.store.known(wanted, self.clock)
        if known is None:
            return self._served(self.store.together(wanted, self.clock), turn, wanted)
        answers: dict[OrganisationId, Sequence[Answer]] = {}
        with suppress(StaleError):
            answers |= self._served(known, turn, wanted)
        if len(answers) == len(turn):
            return answers
        rest = {id: each for id, each in wanted.items() if id not in answers}
        # One alone might be waited for, and the others with it.
        if len(rest) > 1 or not answers:
            answers |= self._served(self.store.together(rest, self.clock), turn, wanted)
        return answers

    def _served(
        self,
        transaction: AbstractContextManager[Joint],
        turn: Mapping[OrganisationId, Sequence[Asked]],
        wanted: Mapping[OrganisationId, Wanted],
    ) -> Mapping[OrganisationId, Sequence[Answer]]:
        answers: dict[OrganisationId, Sequence[Answer]] = {}
        with transaction as joint:
            for id, work in joint.works.items():
                asked = wanted[id]
                before = work.idempotency.recall(asked.keys, joint.now) if asked.keys else {}
                desk = _Desk(
                    books=Books.about(work, joint.now, holds=asked.holds),
                    remembered=before,
                    catalogue=self.catalogue,
                    identifiers=self.identifiers,
                    watch=Watch(work=work, rules=self.rules, now=joint.now),
                )
                answers[id] = desk.serve(turn[id])
        return answers


def _wanted(asked: Sequence[Asked]) -> Wanted:
    holds = frozenset([each.hold for each in asked])
    new = [(each, each.usage) for each in asked if isinstance(each.usage, HoldUsage)]
    if not new:
        return Wanted(holds=holds)
    return Wanted(
        holds=holds,
        new=frozenset([each.hold for each, _ in new]),
        askers=frozenset([each.caller.counted_as for each, _ in new]),
        keys=frozenset([usage.key for _, usage in new]),
    )


@define(kw_only=True)
class _Desk:
    """One organisation's part of a turn."""

    books: Books
    #: Refusals of before, by the key of the hold that was asked for.
    remembered: Mapping[IdempotencyKey, Remembered]
    catalogue: Catalogue
    identifiers: Identifiers
    watch: Watch
    _trails: list[Trail] = field(factory=list)
    _refused: dict[IdempotencyKey, Remembered] = field(factory=dict)
    _is_given: bool = False
    #: By operation: terms and licence stay what they are while the wallet's lock is held.
    _terms_now: Terms | Refusal | None = None
    _prices: dict[str, Price | Refusal] = field(factory=dict)
    _licence_now: Licence | None = None

    def serve(self, turn: Sequence[Asked]) -> Sequence[Answer]:
        answers = [self._answer(asked) for asked in turn]
        self.books.close()
        work = self.books.work
        if self._refused:
            work.idempotency.keep(self._refused)
        self.watch.close()
        for trail in self._trails:
            trail.write(work)
        return answers

    def _answer(self, asked: Asked) -> Answer:
        if isinstance(asked.usage, HoldUsage):
            return self._hold(asked, asked.usage)
        hold = self.books.wallet.hold(asked.usage.id)
        if hold is None or hold.lease_until is None:
            # What pays for a deployment is nobody's to end here.
            return Refusal(code="hold_not_found", detail="there is no such metered hold")
        if refusal := mode_refusal(asked.caller, hold.id):
            return refusal
        return self._post(self._trail(asked), asked, _command(asked.usage, self.books))

    def _hold(self, asked: Asked, usage: HoldUsage) -> Answer:
        hold = self.books.wallet.hold(asked.hold)
        if hold is not None:
            return self._repeated(usage, hold)
        before = self._refused.get(usage.key) or self.remembered.get(usage.key)
        if before is not None:
            return refusal_of(before, usage.fingerprint)
        trail = self._trail(asked)
        command = self._priced(trail, asked, usage)
        if isinstance(command, Refusal):
            answer: Answer = command
        else:
            answer = self._post(trail, asked, command)
            self.watch.taken(trail, asked, command.amount, answer)
        if isinstance(answer, Refusal) and is_remembered(answer):
            self._refused[usage.key] = remembered_refusal(
                usage.fingerprint, answer, self.books.now
            )
        return answer

    def _trail(self, asked: Asked) -> Trail:
        trail = asked.caller.trail(self.identifiers)
        self._trails.append(trail)
        return trail

    def _priced(self, trail: Trail, asked: Asked, usage: HoldUsage) -> HoldCredits | Refusal:
        terms = self._terms()
        if isinstance(terms, Refusal):
            return terms
        price = self._price(terms, usage.operation)
        if isinstance(price, Refusal):
            return price
        call = MeteredCall(
            credits=price.credits * usage.units,
            is_premium=price.klass is not KindClass.CORE,
            output_units=usage.output_units,
        )
        if refusal := self.watch.refusal(trail, asked, call):
            return refusal
        if refusal := self._licence().refusal(price.klass):
            return refusal
        self._give_allowance(trail, terms)
        return HoldCredits(
            id=asked.hold,
            subject=subject_of(usage),
            amount=call.credits,
            operation=usage.operation,
            kind_class=price.klass,
            member=asked.caller.name,
            lease_until=self.books.now + usage.lease,
        )

    def _terms(self) -> Terms | Refusal:
        if self._terms_now is None:
            self._terms_now = terms_of(self.books.work, self.catalogue, self.books.now)
        return self._terms_now

    def _price(self, terms: Terms, operation: str) -> Price | Refusal:
        price = self._prices.get(operation)
        if price is None:
            price = self._prices[operation] = price_on(terms, self.catalogue, operation)
        return price

    def _licence(self) -> Licence:
        if self._licence_now is None:
            self._licence_now = licence_of(self.books.work, self.books.now)
        return self._licence_now

    def _give_allowance(self, trail: Trail, terms: Terms) -> None:
        """What the tariff gives every month, when it is first wanted."""
        if self._is_given:
            return
        self._is_given = True
        for order in orders_due_on(self.books.work, trail, terms, self.books.now):
            self._trails.append(order.trail)
            self.books.post(order)

    def _post(self, trail: Trail, asked: Asked, command: Command) -> Answer:
        order = Order(
            trail=trail,
            command=command,
            correlation=public_id(Prefix.HOLD, asked.hold),
            live=is_live(asked.hold),
        )
        outcome = self.books.post(order)
        if outcome.refusal is not None:
            return outcome.refusal
        after = self.books.wallet.hold(asked.hold)
        assert after is not None  # noqa: S101 - it was found, or made, just now
        return Served(hold=after, at=self.books.now, replayed=not outcome.events)

    def _repeated(self, usage: HoldUsage, hold: Hold) -> Answer:
        """The hold as it is now, where the request is the one that made it."""
        if hold.subject != subject_of(usage):
            return Refusal(
                code="idempotency_key_reused",
                detail="this idempotency key was used before, for a different request",
            )
        return Served(hold=hold, at=self.books.now, replayed=True)


def _command(usage: RenewUsage | CaptureUsage | ReleaseUsage, books: Books) -> Command:
    match usage:
        case RenewUsage(id=id, lease=lease):
            return Renew(id=id, lease_until=books.now + lease)
        case CaptureUsage(id=id, amount=amount):
            return Capture(id=id, amount=amount)
        case ReleaseUsage(id=id, failed=failed):
            return Release(id=id, is_ours=failed)
