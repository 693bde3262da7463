"""What a server does for another service that spends credits, without its HTTP."""

import hashlib
from datetime import timedelta

from adapters.system.group_commit import GroupCommit
from application.access.caller import Caller
from application.metered.serve import ServeTurn
from application.metered.spend import SpendCredits
from application.metered.usage import ROUTE, Answer, Asked, CaptureUsage, HoldUsage, Served
from application.ports.storage.idempotency import IdempotencyKey
from benchmarks.organisations import Town
from domain.abuse import AbuseRules
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import MemberId, OrganisationId, Prefix, public_id
from domain.organisation import PERMISSIONS, Role
from entrypoints.garbage import look_seldom

OPERATION = "premium_call"


class RefusedError(Exception):
    pass


class Service:
    """Another service that spends an organisation's credits, as the API would let it."""

    def __init__(self, place: Town) -> None:
        self._place = place
        serve = ServeTurn(
            store=place.store,
            clock=place.clock,
            identifiers=place.identifiers,
            catalogue=place.catalogue,
            # No limit that a benchmark would run into; all are counted.
            rules=AbuseRules(premium_gap=timedelta(0), credits_per_hour=10**12),
        )
        group: GroupCommit[Asked, Answer] = GroupCommit(serve)
        self._spend = SpendCredits(together=group)
        self._callers = {id: self._caller(id) for id in place.organisations}
        look_seldom()  # as the server does

    async def hold(self, organisation: OrganisationId) -> Served:
        key = str(self._place.identifiers.next())
        usage = HoldUsage(
            key=IdempotencyKey(live=False, route=ROUTE, key=key),
            fingerprint=hashlib.sha256(key.encode()).digest(),
            operation=OPERATION,
            lease=timedelta(seconds=300),
        )
        return await self._served(organisation, usage)

    async def hold_and_capture(self, organisation: OrganisationId) -> None:
        held = await self.hold(organisation)
        await self._served(organisation, CaptureUsage(id=held.hold.id))

    async def _served(
        self, organisation: OrganisationId, usage: HoldUsage | CaptureUsage
    ) -> Served:
        answer = await self._spend.soon(self._callers[organisation], usage, live=False)
        if isinstance(answer, Refusal):
            raise RefusedError(answer.code)
        return answer

    def _caller(self, organisation: OrganisationId) -> Caller:
        member = MemberId(self._place.identifiers.next())
        return Caller(
            organisation=organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member)),
            permissions=PERMISSIONS[Role.OWNER],
            live=None,
            request_id="req_bench",
            member=member,
        )
