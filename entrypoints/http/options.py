"""OPTIONS: which methods an address takes (RFC 9110, 9.3.7).

The framework would answer too, with the methods of that handler only which it met first.
"""

from collections.abc import Iterable, Sequence

from litestar import Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler


def handlers(of: Iterable[HTTPRouteHandler]) -> Sequence[HTTPRouteHandler]:
    """One for each path that *of* has."""
    methods: dict[str, set[str]] = {}
    for handler in of:
        for path in handler.paths:
            methods.setdefault(path, {"OPTIONS"}).update(handler.http_methods)
    return [_handler(path, ", ".join(sorted(known))) for path, known in methods.items()]


def _handler(path: str, allow: str) -> HTTPRouteHandler:
    def get_methods() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": allow})

    return HTTPRouteHandler(path, http_method=[HttpMethod.OPTIONS], sync_to_thread=False)(
        get_methods
    )
