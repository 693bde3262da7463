"""The operator lifts what the abuse rules have stopped, or raises a limit, and says why."""

from attrs import evolve, frozen

from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.abuse import LoginFailures
from domain.audit import OPERATOR
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, OrganisationId, Prefix, public_id

_REASON_MISSING = Refusal(code="reason_missing", detail="say why: it is kept for seven years")


@frozen(kw_only=True)
class LiftLimits:
    """Unfreeze and unblock before their time."""

    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, subject: str | None, reason: str
    ) -> bool | Refusal:
        """Let *subject*, the public id of a member, spend again; None: the whole organisation.
        Tell whether anything had been stopped.
        """
        if not reason.strip():
            return _REASON_MISSING
        name = public_id(Prefix.ORGANISATION, organisation)
        with self.store.begin(Scope(organisation=organisation)) as work:
            if work.organisations.get() is None:
                return Refusal(code="not_found", detail=f"there is no organisation {name}")
            throttle = work.throttles.lock(subject) if subject is not None else None
            work.ledger.stand_in_line()
            now = self.clock.now()
            stopped = False
            if subject is not None and throttle is not None:
                until = throttle.failures.locked_until
                if until is not None and now < until:
                    stopped = True
                    work.throttles.put(subject, evolve(throttle, failures=LoginFailures()))
            of = subject or name
            spending = work.spendings.get([of])[of]
            if spending.refusal(now) is not None:
                stopped = True
                work.spendings.put({of: spending.lifted()})
            trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
            trail.add(
                "operator.lifted_limits",
                of,
                now,
                details={"reason": reason, "was_stopped": stopped},
            )
            trail.write(work)
        return stopped


@frozen(kw_only=True)
class RaiseLimit:
    """Let one API key make more changing requests than others."""

    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, key: ApiKeyId, limit: int | None, reason: str
    ) -> Refusal | None:
        """*limit* is per minute; None: as all others."""
        if not reason.strip():
            return _REASON_MISSING
        if limit is not None and limit <= 0:
            return Refusal(code="invalid_amount", detail="let it make at least one request")
        with self.store.begin(Scope(organisation=organisation)) as work:
            known = work.api_keys.get(key)
            if known is None:
                return Refusal(code="not_found", detail="the organisation has no such API key")
            work.api_keys.put(evolve(known, requests_per_minute=limit))
            trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
            trail.add(
                "operator.raised_limit",
                public_id(Prefix.API_KEY, key),
                self.clock.now(),
                live=known.live,
                details={
                    "reason": reason,
                    "requests_per_minute": limit,
                    "requests_per_minute_before": known.requests_per_minute,
                },
            )
            trail.write(work)
        return None
