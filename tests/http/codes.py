"""The error codes that clients may be answered."""

from collections.abc import Iterable

from entrypoints.http import openapi
from entrypoints.http.app import RESOURCES
from entrypoints.http.error_codes import ERROR_CODES, SECTIONS


def _documented() -> Iterable[str]:
    handlers = [handler for resource in RESOURCES for handler in resource.HANDLERS]
    for _, _, operation in openapi.operations_of(handlers):
        yield from openapi.codes_of(operation)


#: What some operation is described to answer, what addresses that are none answer, and what is
#: wrong with fields.
EXPECTED = (
    frozenset(_documented())
    | {"route_not_found", "method_not_allowed"}
    | {each.code for each in SECTIONS["Fields"]}
)
#: What commands tell the operator, and nobody else.
OF_COMMANDS = frozenset(ERROR_CODES) - EXPECTED
