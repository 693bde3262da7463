"""/v1/billing/statement: what became of credits in a period, and what it costs in money."""

from litestar import Response, get

from application.access.caller import Caller
from application.credits.account import StateAccount
from domain.errors import Refusal
from domain.organisation import Permission
from entrypoints.http.answers import answer
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.money_rules import Month
from entrypoints.http.operations import Operation
from entrypoints.http.problems import RefusedError
from entrypoints.http.services import Given
from entrypoints.statements import representation

PERIOD = Field("period", Month(), "A calendar month in UTC; by default the period of now.")
QUERY = Shape("StatementQuery", (PERIOD,))


@get(
    "/v1/billing/statement",
    sync_to_thread=True,
    opt=Operation(
        id="get_statement", tag="billing", summary="The statement of a period",
        description="`balance` is available and held credits, less what is owed. `lines` tell "
        "what changed it, so that `opening` and all lines are together `closing`. Fees are in "
        "money; one whose `amount` is null waits for a rate, and nothing is charged for it yet.",
        query=QUERY, answers="Statement", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def get_statement(
    request: AnyRequest, caller: Given[Caller], state_account: Given[StateAccount]
) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    found = state_account(caller.organisation, QUERY.query(request).get(PERIOD))
    if isinstance(found, Refusal):
        raise RefusedError(found)
    return answer(representation(found))


HANDLERS = (get_statement,)
