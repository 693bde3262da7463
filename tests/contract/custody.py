"""What the subjects of the custodians' contract share."""

from uuid import UUID

from adapters.local_keys import LocalKeyWrapping, Verification
from adapters.memory.storage import MemoryStore
from application.custody.guarded import Guarded
from application.custody.registered import RegisteredCustodian
from application.ports.custody import Custodian, KeyCustodian, KeyHolder
from domain.identifiers import InstallationId, Prefix, public_id

MASTER_KEYS = {1: bytes(32)}
INSTALLATION_ID = InstallationId(UUID("019a3fb9-f53a-7053-a2d7-9027327f4c25"))
#: Of this installation's first log.
ORIGIN = f"ours.example/audit/{public_id(Prefix.INSTALLATION, INSTALLATION_ID)}/1"


def guarded(custodian: KeyCustodian) -> Custodian:
    """As the application meets every custodian."""
    return Guarded(custodian=custodian, verifies=Verification(), installation=INSTALLATION_ID)


def registered(
    scheme: str, holder: KeyHolder, store: MemoryStore | None = None
) -> RegisteredCustodian:
    return RegisteredCustodian(
        scheme=scheme,
        holder=holder,
        store=store or MemoryStore(),
        wrapping=LocalKeyWrapping(MASTER_KEYS),
        installation=INSTALLATION_ID,
    )
