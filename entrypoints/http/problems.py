"""Bad news for clients: RFC 9457 documents, made from the table of error codes.

Everything that goes wrong leaves through `problem_of`: refusals of the application, silence of the
world, and what the framework finds.  Nothing of an exception's text reaches a client unless it was
written for one.

``python -m entrypoints.http.problems`` writes the documentation page, docs/errors.md.
"""

import json
import math
import sys
import traceback
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from attrs import field, frozen
from litestar import Request, Response
from litestar.exceptions import HTTPException

from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.custody import CustodyUnavailableError
from application.ports.derivation import DerivationsBusyError
from application.ports.metadata import MetadataUnavailableError
from application.ports.passwords import PasswordsBusyError
from application.ports.storage.deployments import (
    ClientReferenceTakenError,
    DeploymentIdTakenError,
)
from application.ports.storage.work import StoreUnavailableError
from domain.errors import FieldFault, Refusal
from entrypoints.http.edge import SlowBodyError, request_id_of
from entrypoints.http.error_codes import ERROR_CODES, SECTIONS, ErrorCode

T = TypeVar("T")

log = structlog.get_logger("tallystick.http")

MEDIA_TYPE = "application/problem+json"

#: Faults beyond this many help nobody, and an answer has a size too.
MAX_FAULTS = 100

#: The page that `documentation.py` serves.
ERRORS_PAGE = "/errors"

#: What the framework finds, in our words; anything else it finds is ``bad_request``.
_OF_STATUS: Mapping[int, str] = {
    404: "route_not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
}

#: Bad news that no use case turns into a refusal.
_OF_EXCEPTION: Mapping[type[Exception], str] = {
    StoreUnavailableError: "storage_unavailable",
    MetadataUnavailableError: "storage_unavailable",
    PasswordsBusyError: "busy",
    DerivationsBusyError: "busy",
    ChainUnavailableError: "node_unavailable",
    WrongChainError: "network_halted",
    CustodyUnavailableError: "custodian_unavailable",
    # The gates ask before; whoever still gets here was overtaken in between.
    DeploymentIdTakenError: "deployment_id_used",
    ClientReferenceTakenError: "client_reference_used",
}


@frozen
class RefusedError(Exception):
    """Carries a refusal from a handler to the one place that answers."""

    refusal: Refusal
    headers: Mapping[str, str] = field(factory=dict)


def granted(answer: T | Refusal) -> T:
    """What was granted.

    Raises:
        RefusedError: it was not.
    """
    if isinstance(answer, Refusal):
        raise RefusedError(answer)
    return answer


def refused(code: str, detail: str, *faults: FieldFault) -> RefusedError:
    return RefusedError(Refusal(code=code, detail=detail, faults=faults))


def invalid(faults: Iterable[FieldFault]) -> RefusedError:
    """Every faulty field at once."""
    shown = tuple(faults)[:MAX_FAULTS]
    return refused("validation_failed", "the request has faults; see errors", *shown)


def not_found(what: str) -> RefusedError:
    """The one answer for what does not exist and for what is somebody else's."""
    return refused("not_found", f"there is no such {what}")


@frozen(kw_only=True)
class Answering:
    """The one exception handler."""

    #: Start of the absolute URL of our pages; empty: relative ones.
    public_url: str

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        refusal, headers = _refusal_of(error)
        code = ERROR_CODES.get(refusal.code)
        if code is None:
            log.error("unregistered_code", code=refusal.code)
            code = ERROR_CODES["internal_error"]
        if code.status >= 500:
            _tell_the_operator(request, error, code, request_id_of(request.scope))
        document = document_of(code, refusal, request_id_of(request.scope), self.public_url)
        if seconds := document.get("retry_after_seconds"):
            headers["Retry-After"] = str(seconds)
        if code.status == 401:
            headers["WWW-Authenticate"] = _challenge(code.code)
        return Response(
            json.dumps(document, ensure_ascii=False).encode(),
            status_code=code.status,
            media_type=MEDIA_TYPE,
            headers=headers,
        )


def document_of(
    code: ErrorCode, refusal: Refusal, request_id: str, public_url: str
) -> dict[str, object]:
    document: dict[str, object] = {
        "type": f"{public_url}{ERRORS_PAGE}#{code.code}",
        "title": code.title,
        "status": code.status,
        "detail": _text(refusal.detail),
        "code": code.code,
        "remediation": code.remediation,
        "retry": code.retry.value,
        "retry_after_seconds": _seconds(refusal.retry_after) or code.retry_after_seconds,
        "request_id": request_id,
        "errors": [
            {
                "pointer": _text(f.pointer),
                "code": f.code,
                "message": _text(f.message),
                "remediation": ERROR_CODES[f.code].remediation,
            }
            for f in refusal.faults
        ],
    }
    return document


def _refusal_of(error: Exception) -> tuple[Refusal, dict[str, str]]:
    match error:
        case RefusedError(refusal=refusal, headers=headers):
            return refusal, dict(headers)
        case SlowBodyError():
            return Refusal(code="request_timeout", detail="the body did not arrive in time"), {}
        case HTTPException(status_code=status) if status < 500:
            code = _OF_STATUS.get(status, "bad_request")
            allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
            return Refusal(code=code, detail=ERROR_CODES[code].title), allow
    for kind, code in _OF_EXCEPTION.items():
        if isinstance(error, kind):
            return Refusal(code=code, detail=ERROR_CODES[code].title), {}
    return Refusal(code="internal_error", detail=ERROR_CODES["internal_error"].title), {}


def _tell_the_operator(
    request: Request[Any, Any, Any], error: Exception, code: ErrorCode, request_id: str
) -> None:
    """Log what failed; never the body, never a header."""
    # The route, and not the path: what stands in it may be a link's secret.
    route = request.scope.get("path_template") or "-"
    fields = {"request_id": request_id, "method": request.method, "route": route}
    if code.code == "internal_error":
        # Written out here: a renderer that shows local variables would show tokens and bodies.
        lines = "".join(traceback.format_exception(error))
        log.error("unhandled", **fields, traceback=lines)
    elif isinstance(error, RefusedError):
        log.warning(code.code, **fields, detail=error.refusal.detail)
    else:
        log.warning(code.code, **fields, detail=str(error))


def _challenge(code: str) -> str:
    # RFC 6750, 3: no error attribute where nothing was presented.
    known = {"invalid_token", "invalid_api_key", "api_key_not_enabled"}
    return 'Bearer realm="tallystick"' + (', error="invalid_token"' if code in known else "")


def _seconds(delay: timedelta | None) -> int | None:
    return None if delay is None else max(1, math.ceil(delay.total_seconds()))


def _text(text: str) -> str:
    """*text* as it can be written: what came in broken goes out as ``?``."""
    return text.encode("utf-8", "replace").decode()


def page() -> str:
    """docs/errors.md."""
    lines = [
        "# Errors",
        "",
        "Every error is an RFC 9457 document (`application/problem+json`) whose `type` names an",
        "entry of this page. Codes never change their meaning; texts may. `errors` lists every",
        "faulty field at once, with a JSON pointer into the body.",
        "",
        "This page is generated: `python -m entrypoints.http.problems > docs/errors.md`.",
        "",
        "| `retry` | means |",
        "|---|---|",
        "| `never` | the same request will always be refused |",
        "| `now` | the same request may be sent again at once |",
        "| `after_delay` | by itself, after `retry_after_seconds` |",
        "| `after_cooldown` | not before `retry_after_seconds` have passed |",
        "| `after_remediation` | after you have changed something that is not the request |",
        "| `after_configuration` | after the operator has changed something |",
    ]
    for heading, codes in SECTIONS.items():
        lines += ["", f"## {heading}", ""]
        for each in codes:
            lines += [
                f"### {each.code}",
                "",
                f"{each.title}. {each.remediation}",
                "",
                f"HTTP {each.status}, retry `{each.retry}`."
                if heading != "Fields"
                else "Inside `errors`.",
                "",
            ]
        lines.pop()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
