"""Ask for an export: what belongs to it is settled now, a worker makes it."""

from attrs import field, frozen

from application.access.caller import Caller
from application.audit.trail import Trail
from application.once import Answered, Once
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Scope, Store, Work
from domain.audit import OPERATOR, EventFilter
from domain.errors import Refusal
from domain.export import Export, ExportFormat, shown
from domain.identifiers import ExportId, OrganisationId
from domain.organisation import Permission

#: The outbox's topic; its key is the export's public id.
TOPIC = "export.requested"
#: How many of an organisation's may be under way at once.
MOST_UNDER_WAY = 5


@frozen(kw_only=True)
class ExportRequest:
    format: ExportFormat
    wanted: EventFilter = field(factory=EventFilter)


@frozen(kw_only=True)
class RequestExport:
    store: Store
    clock: Clock
    identifiers: Identifiers
    #: Whether this installation has a place for the files.
    has_place: bool

    def __call__(
        self, caller: Caller, request: ExportRequest, key: IdempotencyKey, fingerprint: bytes
    ) -> Answered[Export] | Refusal:
        """Once per *key*; whoever may read the trail may take it along."""
        if refusal := caller.refusal(Permission.READ_AUDIT, live=request.wanted.live):
            return refusal
        once = Once(
            store=self.store,
            clock=self.clock,
            act=lambda work: self._ask(work, caller.trail(self.identifiers), caller.name, request),
            id_of=lambda export: export.id,
            again=lambda work, id: work.exports.get(ExportId(id)),
        )
        return once(caller.scope, key, fingerprint)

    def as_operator(
        self, organisation: OrganisationId, request: ExportRequest
    ) -> Export | Refusal:
        """For whoever runs the installation; the caller makes it as well."""
        trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
        with self.store.begin(Scope(organisation=organisation)) as work:
            if work.organisations.get() is None:
                return Refusal(code="not_found", detail="there is no such organisation")
            return self._ask(work, trail, OPERATOR.kind, request, makes_it=True)

    def _ask(
        self,
        work: Work,
        trail: Trail,
        name: str,
        request: ExportRequest,
        *,
        makes_it: bool = False,
    ) -> Export | Refusal:
        if not self.has_place:
            return Refusal(
                code="exports_not_configured",
                detail="the installation has no folder for exports",
            )
        if work.exports.under_way() >= MOST_UNDER_WAY:
            return Refusal(
                code="too_many_exports", detail=f"{MOST_UNDER_WAY} exports are under way already"
            )
        now = self.clock.now()
        export = Export(
            organisation=trail.organisation,
            id=ExportId(self.identifiers.next()),
            format=request.format,
            wanted=request.wanted,
            requested_by=name,
            requested_at=now,
            last_sequence=work.audit.head(),
        )
        work.exports.add(export)
        if not makes_it:
            work.outbox.add(TOPIC, export.name)
        details = {
            "filters": shown(request.wanted),
            "format": export.format.value,
            "last_sequence": export.last_sequence,
        }
        trail.add("export.requested", export.name, now, details=details)
        trail.write(work)
        return export
