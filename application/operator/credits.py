"""The operator gives credits, or another tariff, and says why."""

from attrs import evolve, frozen

from application.audit.trail import Trail
from application.credits.allowance import orders_due
from application.credits.licence import follow_licence
from application.credits.post import post, post_all
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.audit import OPERATOR
from domain.catalogue import Catalogue, TariffName
from domain.errors import Refusal
from domain.identifiers import LotId, OrganisationId, Prefix, public_id
from domain.ledger import PRIORITIES, Grant, Lot, Source


@frozen(kw_only=True)
class GrantCredits:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, amount: int, reason: str, reference: str | None
    ) -> Lot | Refusal:
        """Give *amount* credits that do not expire.

        *reference* names the economic fact: the same one gives nothing a second time.
        """
        if amount <= 0:
            return Refusal(code="invalid_amount", detail="give a positive number of credits")
        if not reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for seven years")
        name = public_id(Prefix.ORGANISATION, organisation)
        with self.store.begin(Scope(organisation=organisation)) as work:
            if work.organisations.get() is None:
                return Refusal(code="not_found", detail=f"there is no organisation {name}")
            work.ledger.stand_in_line()
            now = self.clock.now()
            id = LotId(self.identifiers.next())
            fact = f"operator:{reference or public_id(Prefix.GRANT, id)}"
            lot = Lot(
                id=id,
                source=Source.PROMO,
                priority=PRIORITIES[Source.PROMO],
                amount=amount,
                remaining=amount,
                effective_at=now,
                fact=fact,
            )
            trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
            is_granted_before = work.ledger.is_granted(fact)
            grant = Grant(lot=lot, is_granted_before=is_granted_before)
            post(work, trail, grant, now)
            if is_granted_before:
                trail.write(work)
                return Refusal(code="already_granted", detail=f"{reference} was granted before")
            trail.add("operator.granted_credits", name, now, details={"reason": reason})
            trail.write(work)
        return lot


@frozen(kw_only=True)
class SetTariff:
    store: Store
    catalogue: Catalogue
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, tariff: TariffName, reason: str
    ) -> Refusal | None:
        """Put *organisation* on *tariff*; what it gives more this month is there at once.

        A licence that was off is good again: this is how a payment by other ways is recorded.

        What the one before has given stays until the month is over.
        """
        if not reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for seven years")
        if tariff not in self.catalogue.tariffs:
            names = ", ".join(self.catalogue.tariffs)
            detail = f"the catalogue {self.catalogue.name} has no tariff {tariff}, but {names}"
            return Refusal(code="unknown_tariff", detail=detail)
        name = public_id(Prefix.ORGANISATION, organisation)
        with self.store.begin(Scope(organisation=organisation)) as work:
            known = work.organisations.get()
            if known is None:
                return Refusal(code="not_found", detail=f"there is no organisation {name}")
            work.ledger.stand_in_line()
            # Whoever had the wallet may have set another one.
            before = work.organisations.get() or known
            now = self.clock.now()
            work.organisations.set_tariff(tariff)
            trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
            trail.add(
                "operator.set_tariff",
                name,
                now,
                details={
                    "reason": reason,
                    "tariff": tariff,
                    "tariff_before": before.tariff,
                },
            )
            # Whatever was owed before is settled by this.
            work.licences.put(evolve(work.licences.get(), arranged_at=now))
            follow_licence(work, trail, now)
            post_all(work, orders_due(work, trail, self.catalogue, now), now)
            trail.write(work)
        return None
