"""In whose name a request is made."""

from datetime import datetime
from functools import cached_property

from attrs import field, frozen

from application.audit.trail import Trail
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope
from domain.audit import API_VERSION, Actor
from domain.catalogue import TariffName
from domain.errors import Refusal
from domain.identifiers import (
    MemberId,
    NetworkId,
    OrganisationId,
    Prefix,
    SessionId,
    UserId,
    public_id,
)
from domain.organisation import Permission
from domain.trace import Cause, TraceContext


@frozen(kw_only=True)
class Caller:
    """A member acting through a session, or an API key acting for its organisation."""

    organisation: OrganisationId
    actor: Actor
    permissions: frozenset[Permission]
    #: The mode an API key is bound to; None for a session, which may act in both.
    live: bool | None
    request_id: str
    #: The member; for a key, the one who made it.
    member: MemberId
    #: When the API key ends; None for one that does not, and for a session.
    expires_at: datetime | None = None
    #: Where an API key may issue; None: on every network of its mode.
    networks: frozenset[NetworkId] | None = None
    #: The organisation's tariff, and what the operator lets the API key do: either may raise how
    #: many changing requests a minute may make.
    tariff: TariffName | None = None
    requests_per_minute: int | None = None
    #: In which version of the API it speaks; a session always in the present one.
    api_version: str = API_VERSION
    #: Set for a session only.
    user: UserId | None = None
    session: SessionId | None = None
    #: The network the request came from, where it came over one.
    source: str | None = field(default=None, repr=False)
    #: Where what is asked for belongs; None: nobody said.
    trace: TraceContext | None = field(default=None, repr=False)

    @property
    def scope(self) -> Scope:
        return Scope(organisation=self.organisation)

    @property
    def cause(self) -> Cause:
        """Of whatever is done later because of this request."""
        return Cause(request_id=self.request_id, trace=self.trace)

    @property
    def name(self) -> str:
        """Public id of the member or key."""
        return self.actor.id or public_id(Prefix.MEMBER, self.member)

    @cached_property
    def counted_as(self) -> str:
        """Public id of whoever the limits of a member are counted for: a key's is its maker."""
        return public_id(Prefix.MEMBER, self.member)

    @property
    def paced_as(self) -> str:
        """Whose changing requests share one number a minute: a key has its own where the operator
        has raised it.
        """
        return self.counted_as if self.requests_per_minute is None else self.name

    def trail(self, identifiers: Identifiers) -> Trail:
        return Trail(
            identifiers=identifiers,
            organisation=self.organisation,
            actor=self.actor,
            request_id=self.request_id,
        )

    def refusal(
        self,
        needed: Permission,
        *,
        live: bool | None = None,
        network: NetworkId | None = None,
    ) -> Refusal | None:
        """Why the caller may not do what *needed* allows, in that mode, there; None: it may."""
        if needed not in self.permissions:
            return Refusal(code="forbidden", detail=f"this needs {needed}")
        if live is not None and self.live is not None and self.live is not live:
            wanted = "live" if live else "test"
            return Refusal(code="mode_mismatch", detail=f"this network needs a {wanted} key")
        if network is not None and self.networks is not None and network not in self.networks:
            return Refusal(code="network_not_allowed", detail=f"this API key is not for {network}")
        return None
