"""Who is calling: from the Authorization header to a `Caller`, at every request.

``Bearer`` carries an access token of a session or an API key (``tsk_…``).  What they may do is
read afresh, so a revoked key or session is dead at once.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from attrs import define, evolve, field, frozen
from litestar.types import Scope

from application.access.authenticate import KEY_PREFIX, Authenticate
from application.access.caller import Caller
from application.access.throttle import CountRequests
from application.ports.clock import Clock
from domain.errors import Refusal
from domain.organisation import Permission
from entrypoints.http.access_tokens import AccessTokens
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.edge import add_headers, remember_caller, request_id_of, trace_of
from entrypoints.http.operations import Operation
from entrypoints.http.problems import RefusedError, granted
from entrypoints.http.rate_limit import Allowance, Policy, RateLimits
from entrypoints.http.services import Limits, Services

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@frozen(kw_only=True)
class Door:
    tokens: AccessTokens
    authenticate: Authenticate
    clock: Clock

    def __call__(self, authorization: str | None, request_id: str) -> Caller | Refusal:
        scheme, _, text = (authorization or "").partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text:
            return Refusal(
                code="authentication_required", detail="there is no Authorization: Bearer header"
            )
        if text.startswith(f"{KEY_PREFIX}_"):
            return self.authenticate.api_key(text, request_id)
        bearer = self.tokens.verify(text, self.clock.now())
        if bearer is None:
            return Refusal(code="invalid_token", detail="the access token is not good (any more)")
        return self.authenticate.session(bearer.session, bearer.user, request_id)


@define
class Gatekeeper:
    """Lets in who may come in, as often as they may."""

    door: Door
    #: Counts changes, for all processes; what follows counts in this one.
    count: CountRequests
    clock: Clock
    limits: Limits
    trusted_proxies: int
    _rates: RateLimits = field(factory=RateLimits)
    #: Open event streams by caller; counted on the server's own loop only.
    _streams: Counter[str] = field(factory=Counter)

    @classmethod
    def of(cls, services: Services) -> "Gatekeeper":
        door = Door(
            tokens=services.tokens, authenticate=services.authenticate, clock=services.clock
        )
        return cls(
            door,
            services.count_requests,
            services.clock,
            services.limits,
            services.trusted_proxies,
        )

    def caller(self, request: AnyRequest) -> Caller:
        """Raises: RefusedError: 401, or 429."""
        request_id = request_id_of(request.scope)
        found = granted(self.door(request.headers.get("Authorization"), request_id))
        caller = evolve(found, source=self._prefix(request), trace=trace_of(request.scope))
        remember_caller(request.scope, caller)
        if _is_change(request):
            self._count_change(request.scope, caller)
        else:
            self._count(request.scope, f"{caller.name} reads", Policy.READS)
        return caller

    def source(self, request: AnyRequest) -> "Source":
        """Where a request comes from that nobody is logged in for.  Raises: RefusedError: 429."""
        prefix = self._prefix(request)
        self._count(request.scope, prefix, Policy.NETWORK)
        return Source(prefix)

    def _prefix(self, request: AnyRequest) -> str:
        host = request.client.host if request.client else ""
        return source_prefix(
            host, request.headers.getall("X-Forwarded-For", []), self.trusted_proxies
        )

    def may_stream(self, caller: Caller) -> None:
        """Raises: RefusedError: 429: as many streams are open as one caller may have."""
        if self._streams[caller.name] >= self.limits.streams:
            detail = f"{self.limits.streams} event streams are open already"
            raise RefusedError(
                Refusal(code="rate_limited", detail=detail, retry_after=timedelta(seconds=5))
            )

    @contextmanager
    def streaming(self, caller: Caller) -> Iterator[None]:
        """Counts a stream for as long as it is told."""
        self._streams[caller.name] += 1
        try:
            yield
        finally:
            self._streams[caller.name] -= 1

    def _count_change(self, scope: Scope, caller: Caller) -> None:
        verdict = self.count.change(caller)
        if verdict.allowance is not None:
            allowance = Allowance.of(verdict.allowance)
            add_headers(scope, allowance.headers(Policy.CHANGES))
        if verdict.refusal is not None:
            raise RefusedError(verdict.refusal)

    def _count(self, scope: Scope, key: str, policy: Policy) -> None:
        limit = self.limits.read_limit_per_minute
        allowance = self._rates.take(key, limit, self.clock.now())
        add_headers(scope, allowance.headers(policy))
        if not allowance.is_allowed:
            detail = f"more than {limit} requests in a minute"
            raise RefusedError(
                Refusal(code="rate_limited", detail=detail, retry_after=allowance.wait)
            )


def require(caller: Caller, needed: Permission, *, live: bool | None = None) -> None:
    """Raises: RefusedError: *caller* may not, or not in that mode."""
    if refusal := caller.refusal(needed, live=live):
        raise RefusedError(refusal)


@frozen
class Source:
    """The network a request comes from: /24 of IPv4, /48 of IPv6."""

    prefix: str


def source_prefix(host: str, forwarded: Sequence[str], trusted_proxies: int) -> str:
    """What our outermost proxy saw; without proxies, what we see ourselves.

    *forwarded* are the lines of X-Forwarded-For, in order.

    Whatever stands further left in X-Forwarded-For was written by strangers.
    """
    if trusted_proxies:
        # A proxy may append a line of its own instead of to the last one.
        hops = [_bare(hop) for line in forwarded for hop in line.split(",")]
        host = hops[-trusted_proxies] if len(hops) >= trusted_proxies else host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(address), 48), strict=False))
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((int(address), 24), strict=False))


def _bare(hop: str) -> str:
    """The address, without the port and brackets that some proxies add."""
    address = hop.strip()
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _is_change(request: AnyRequest) -> bool:
    operation = request.route_handler.opt.get("operation")
    is_read = isinstance(operation, Operation) and operation.is_read
    return request.method in _CHANGING and not is_read
