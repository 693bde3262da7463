"""/docs, /docs/verify, /openapi.json and /errors: pages that need nothing from anywhere else."""

from html import escape
from importlib.resources import files

from litestar import Litestar, Response, get

from entrypoints.http import openapi
from entrypoints.http.answers import answer
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.error_codes import SECTIONS
from entrypoints.http.problems import ERRORS_PAGE
from entrypoints.http.services import Chains, PublicUrl

#: Our own files and this server only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = files("entrypoints.http") / "static"


@get("/docs", sync_to_thread=True)
def get_page() -> Response[bytes]:
    return _file("docs.html", "text/html; charset=utf-8")


@get("/docs/docs.js", sync_to_thread=True)
def get_script() -> Response[bytes]:
    return _file("docs.js", "text/javascript; charset=utf-8")


@get("/docs/docs.css", sync_to_thread=True)
def get_style() -> Response[bytes]:
    return _file("docs.css", "text/css; charset=utf-8")


@get("/docs/verify", sync_to_thread=True)
def get_verifier_page() -> Response[bytes]:
    """Evidence is checked there, by whoever has opened it; the pack goes nowhere."""
    return _file("verify.html", "text/html; charset=utf-8")


@get("/docs/verify.js", sync_to_thread=True)
def get_verifier_script() -> Response[bytes]:
    return _file("verify.js", "text/javascript; charset=utf-8")


@get("/openapi.json", sync_to_thread=True)
def get_openapi(request: AnyRequest, chains: Chains, public_url: PublicUrl) -> Response[bytes]:
    app: Litestar = request.app
    kinds = [kind for chain in chains.values() for kind in chain.kinds()]
    described = openapi.document(openapi.operations(app.routes), kinds, public_url)
    return answer(openapi.as_json(described))


@get(ERRORS_PAGE, sync_to_thread=True)
def get_errors() -> Response[bytes]:
    """Where the ``type`` of every problem leads."""
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Errors</title>",
             '<link rel=stylesheet href="/docs/docs.css"><main><h1>Errors</h1>']  # fmt: skip
    for heading, codes in SECTIONS.items():
        parts.append(f"<h2>{escape(heading)}</h2>")
        parts += [
            f"<section id={each.code}><h3>{each.code}</h3>"
            f"<p><strong>{escape(each.title)}.</strong> {escape(each.remediation)}</p>"
            f"<p>HTTP {each.status}, retry {each.retry}</p></section>"
            for each in codes
        ]
    parts.append("</main></html>")
    return _page("".join(parts).encode(), "text/html; charset=utf-8")


HANDLERS = (
    get_page,
    get_script,
    get_style,
    get_verifier_page,
    get_verifier_script,
    get_openapi,
    get_errors,
)


def _file(name: str, media_type: str) -> Response[bytes]:
    return _page((_FILES / name).read_bytes(), media_type)


def _page(content: bytes, media_type: str) -> Response[bytes]:
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(content, media_type=media_type, headers=headers)
