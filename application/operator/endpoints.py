"""The operator's own webhook endpoints: told of treasuries, by the installation's trail."""

from attrs import frozen

from application.access.caller import Caller
from application.notifications.endpoints import (
    ChangeEndpoints,
    EndpointRequest,
    Registered,
    RegisterEndpoint,
)
from application.once import Answered
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Scope, Store
from domain.audit import OPERATOR
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, EndpointId, MemberId
from domain.notification import OPERATORS_NAMES
from domain.organisation import Permission
from domain.webhook import Endpoint, EndpointState, Scheme

_ROUTE = "tallystick treasury notify"
#: Whoever is at the console: no member of anything.
_CALLER = Caller(
    organisation=INSTALLATION,
    actor=OPERATOR,
    permissions=frozenset({Permission.WRITE_WEBHOOKS}),
    live=None,
    request_id="console",
    member=MemberId(INSTALLATION),
)


@frozen(kw_only=True)
class OperatorsEndpoints:
    store: Store
    register: RegisterEndpoint
    change: ChangeEndpoints
    identifiers: Identifiers

    def add(self, url: str, *, live: bool, scheme: Scheme) -> Registered | Refusal:
        """Told of everything that only the operator is told of; see `RegisterEndpoint`."""
        request = EndpointRequest(
            url=url,
            live=live,
            scheme=scheme,
            description="the operator's",
            event_types=frozenset(OPERATORS_NAMES),
        )
        # Asked at a console, once: nobody repeats it under the same key.
        key = IdempotencyKey(live=live, route=_ROUTE, key=str(self.identifiers.next()))
        answer = self.register(_CALLER, request, key, bytes(32))
        return answer.value if isinstance(answer, Answered) else answer

    def all(self) -> list[Endpoint]:
        """Those that were not deleted."""
        with self.store.begin(Scope.installation()) as work:
            known = work.webhooks.all()
        return [each for each in known if each.state is not EndpointState.DELETED]

    def remove(self, id: EndpointId) -> Endpoint | Refusal:
        return self.change.delete(_CALLER, id)
