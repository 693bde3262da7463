"""The application, prepared once for each process and handed other parts for each test.

What the framework prepares for each route takes a tenth of a second, and depends on nothing that
tests exchange: a test's own store, clock and limits are handed to handlers by their names.
"""

from __future__ import annotations

from attrs import evolve, fields
from litestar import Litestar

from entrypoints.http.app import create_app, parts_of
from entrypoints.http.edge import Edge
from entrypoints.http.services import Services

#: By all that `create_app` makes of services but what it hands on.
_PREPARED: dict[object, Litestar] = {}


def app_of(services: Services) -> Litestar:
    """As `create_app` makes it.  One of a kind at a time: the last one's parts are exchanged."""
    if services.on_startup or services.on_shutdown:
        return create_app(services)
    kind = (
        services.documentation,
        services.document_host,
        services.limits,
        services.public_url,
        *(type(getattr(services, each.name)) for each in fields(Services)),
    )
    app = _PREPARED.get(kind)
    if app is None:
        app = _PREPARED[kind] = create_app(services)
        return app
    app.state.parts.update(parts_of(services))
    edge = app.asgi_handler
    assert isinstance(edge, Edge)
    app.asgi_handler = evolve(
        edge, identifiers=services.identifiers, body_seconds=services.limits.body_seconds
    )
    return app
