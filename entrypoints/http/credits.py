"""/v1/credits: what there is, and every line of how it came to be."""

from litestar import Response, get

from application.access.caller import Caller
from application.credits.allowance import lot_due
from domain.errors import Refusal
from domain.identifiers import OperationId
from domain.ledger import Grant, decide, expire, fold
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import answer, page
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.operations import Operation
from entrypoints.http.progress import sequence_of
from entrypoints.http.pursued import CURSOR, LIMIT, PAGE
from entrypoints.http.services import ACatalogue, AClock, AStore, Given


@get(
    "/v1/credits/balance",
    sync_to_thread=True,
    opt=Operation(
        id="get_balance", tag="credits", summary="Credits: available, held, and from which grants",
        is_brief=True,
        answers="Balance",
    ).opt,
)  # fmt: skip
def get_balance(
    caller: Given[Caller], store: AStore, clock: AClock, catalogue: ACatalogue
) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    with store.begin(caller.scope) as work:
        now = clock.now()
        wallet = work.ledger.balance(now)
        allowance = lot_due(work, catalogue, now)
    # What time has ended since the last command is recorded by the next one, and over already.
    for event in expire(wallet, now):
        wallet = fold(wallet, event)
    # So is what the tariff gives from now on.
    if allowance is not None:
        granted = decide(wallet, Grant(lot=allowance, is_granted_before=False), now)
        if not isinstance(granted, Refusal):
            for event in granted:
                wallet = fold(wallet, event)
    return answer(representations.wallet(wallet))


@get(
    "/v1/credits/journal",
    sync_to_thread=True,
    opt=Operation(
        id="list_journal", tag="credits", summary="The journal, newest first",
        description="Double entry and append-only: every line takes from one account and gives to "
        "another.",
        query=PAGE, answers="JournalPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_journal(request: AnyRequest, caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    asked = PAGE.query(request)
    before = sequence_of(asked.get(CURSOR)) or None
    with store.begin(caller.scope) as work:
        found = work.ledger.journal(before=before, limit=asked.get(LIMIT) or 20)
        subjects = {OperationId(entry.subject) for entry in found.items if entry.subject}
        kinds = work.deployments.kinds_of(subjects)
    last = str(found.items[-1].sequence) if found.items else None
    items = [
        representations.journal_entry(
            entry, kinds.get(OperationId(entry.subject)) if entry.subject else None
        )
        for entry in found.items
    ]
    return answer(page(items, has_more=found.has_more, last=last))


HANDLERS = (get_balance, list_journal)
