"""Exports are kept for a while; then their files go, and what they were is still known."""

from attrs import frozen

from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.files import Files
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.audit import WORKER
from domain.identifiers import ExportId, OrganisationId

BATCH = 100


@frozen(kw_only=True)
class ExpireExports:
    store: Store
    files: Files
    clock: Clock
    identifiers: Identifiers

    def __call__(self) -> int:
        """How many went.  Raises: FilesUnavailableError."""
        with self.store.begin(Scope.installation()) as work:
            over = work.exports.over(self.clock.now(), BATCH)
        return sum(self._expire(organisation, id) for organisation, id in over)

    def _expire(self, organisation: OrganisationId, id: ExportId) -> bool:
        scope = Scope(organisation=organisation)
        with self.store.begin(scope) as work:
            export = work.exports.get(id)
        if export is None:
            return False
        # First, so that a crash leaves no files that nobody remembers.
        self.files.remove(export.folder)
        with self.store.begin(scope) as work:
            if not work.exports.expire(id):
                return False
            trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=WORKER)
            trail.add("export.expired", export.name, self.clock.now())
            trail.write(work)
        return True
