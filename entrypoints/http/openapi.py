"""/openapi.json: made from the handlers, the shapes of requests and the schemas of answers."""

import re
from collections.abc import Iterable, Mapping
from typing import cast

from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from application.ports.chain import Chain
from domain.audit import API_VERSION
from domain.identifiers import NetworkId
from entrypoints.http.answers import Json
from entrypoints.http.decoding import Shape
from entrypoints.http.error_codes import ERROR_CODES
from entrypoints.http.operations import Operation
from entrypoints.http.problems import MEDIA_TYPE
from entrypoints.http.schemas import SCHEMAS, Schema, ref

_PATH_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_EVERYWHERE = ("bad_request", "not_acceptable", "internal_error", "storage_unavailable")
_OF_CALLERS = ("authentication_required", "invalid_token", "invalid_api_key", "forbidden",
               "rate_limited")  # fmt: skip
_OF_BODIES = ("malformed_json", "body_not_an_object", "validation_failed", "body_too_large",
              "unsupported_media_type", "request_timeout")  # fmt: skip


def document(
    routes: Iterable[BaseRoute], chains: Mapping[NetworkId, Chain], public_url: str
) -> Schema:
    """OpenAPI 3.1, of everything that has an `Operation`."""
    paths: dict[str, dict[str, object]] = {}
    shapes: dict[str, Schema] = {}
    for path, method, operation in operations(routes):
        for shape in (operation.body, operation.query):
            if shape is not None:
                shapes[shape.name] = shape.schema()
        paths.setdefault(_PATH_PARAMETER.sub(r"{\1}", path), {})[method] = _operation(
            path, operation
        )
    kinds = {kind.kind: dict(kind.schema) for chain in chains.values() for kind in chain.kinds()}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Tallystick",
            "version": API_VERSION,
            "summary": "Token issuance: exactly one effect per request, paid in credits.",
        },
        "servers": [{"url": public_url or "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(SCHEMAS) | shapes | {f"Token_{k}": s for k, s in kinds.items()},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, or an API key (tsk_…).",
                }
            },
        },
    }


def operations(routes: Iterable[BaseRoute]) -> Iterable[tuple[str, str, Operation]]:
    """Path, method and description of every documented handler."""
    for route in routes:
        if not isinstance(route, HTTPRoute):
            continue
        # The framework keeps them in a set: their order differs between processes.
        for handler in sorted(route.route_handlers, key=_method):
            operation = handler.opt.get("operation")
            if isinstance(operation, Operation):
                yield route.path, _method(handler), operation


def _method(handler: HTTPRouteHandler) -> str:
    (method,) = (each.lower() for each in handler.http_methods)
    return method


def _operation(path: str, operation: Operation) -> Schema:
    described: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_parameters(path, operation)],
        "responses": _responses(operation),
    }
    if operation.description:
        described["description"] = operation.description
    if not operation.is_public:
        described["security"] = [{"bearer": []}]
    if operation.body is not None:
        described["requestBody"] = {
            "required": any(field.required for field in operation.body.fields),
            "content": {"application/json": {"schema": ref(operation.body.name)}},
        }
    return described


def _parameters(path: str, operation: Operation) -> Iterable[Schema]:
    for name in _PATH_PARAMETER.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    yield from _query(operation.query)
    if operation.needs_idempotency_key:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "A fresh value for each new request; the same one when repeating it.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
    if operation.media_type == "text/event-stream":
        yield {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "description": "The id of the last event that arrived.",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }


def _query(shape: Shape | None) -> Iterable[Schema]:
    for field in shape.fields if shape is not None else ():
        yield {
            "name": field.name,
            "in": "query",
            "required": field.required,
            "description": field.description,
            "schema": field.rule.schema(),
        }


def _responses(operation: Operation) -> Schema:
    good: Schema = {"description": operation.summary}
    if operation.answers is not None:
        content: Schema = {operation.media_type: {"schema": ref(operation.answers)}}
        if operation.other_media_type is not None:
            content[operation.other_media_type] = {"schema": {"type": "string"}}
        good["content"] = content
    waiting: Schema = {}
    if operation.awaits is not None:
        waiting["202"] = {
            "description": "Not there yet: ask again after Retry-After.",
            "content": {"application/json": {"schema": ref(operation.awaits)}},
        }
    by_status: dict[int, list[str]] = {}
    for code in codes_of(operation):
        by_status.setdefault(ERROR_CODES[code].status, []).append(code)
    problems = {
        str(status): {
            "description": ", ".join(codes),
            "content": {MEDIA_TYPE: {"schema": ref("Problem")}},
        }
        for status, codes in sorted(by_status.items())
    }
    empty = {str(status): {"description": why} for status, why in operation.empty.items()}
    return {str(operation.status): good, **waiting, **empty, **problems}


def codes_of(operation: Operation) -> tuple[str, ...]:
    """Every code that the operation may answer."""
    of_callers = () if operation.is_public else _OF_CALLERS
    of_bodies = () if operation.body is None else _OF_BODIES
    return tuple(dict.fromkeys((*of_callers, *of_bodies, *operation.codes, *_EVERYWHERE)))


def as_json(document: Schema) -> Json:
    """A schema is JSON, whatever its type says."""
    return cast("Json", document)
