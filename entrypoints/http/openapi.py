"""/openapi.json: made from the handlers, the shapes of requests and the schemas of answers."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from domain.audit import API_VERSION
from domain.token import KindDescription
from entrypoints.http.answers import Json
from entrypoints.http.components import Schema, named, ref
from entrypoints.http.decoding import Shape
from entrypoints.http.error_codes import ERROR_CODES
from entrypoints.http.operations import Operation
from entrypoints.http.problems import MEDIA_TYPE
from entrypoints.http.schemas import SCHEMAS

_PATH_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_EVERYWHERE = ("bad_request", "internal_error", "storage_unavailable")
_OF_CALLERS = ("authentication_required", "invalid_token", "invalid_api_key",
               "api_key_not_enabled", "forbidden", "rate_limited")  # fmt: skip
_OF_BODIES = ("malformed_json", "body_not_an_object", "validation_failed", "body_too_large",
              "unsupported_media_type", "request_timeout")  # fmt: skip
#: Of answers, by what they say.
_HEADERS = {
    "X-Request-Id": "Name of this request, for whoever you ask about it.",
    "RateLimit": 'What is left: `"reads";r=50;t=30`, requests and seconds.',
    "RateLimit-Policy": 'What there is: `"reads";q=100;w=60`, requests in seconds. `"changes"` '
    'are counted apart, and so is a `"network"` where nobody is logged in.',
    "Retry-After": "Seconds after which the request may be sent again.",
    "ETag": "Of exactly these bytes; send it as If-None-Match when you ask again.",
    "Location": "Where what was made or accepted is.",
    "Idempotent-Replayed": "`true` where the request was answered before.",
}
_RATE_FIELDS = ("RateLimit", "RateLimit-Policy")

#: Requests that hold a token in the words of its kind.
_WITH_A_TOKEN = ("PlanRequest", "DeploymentRequest")

#: Path, method and description of a handler.
Described: TypeAlias = tuple[str, str, Operation]


def document(
    described: Iterable[Described], kinds: Iterable[KindDescription], public_url: str
) -> Schema:
    """OpenAPI 3.1 of *described*, where tokens of *kinds* are offered."""
    paths: dict[str, dict[str, object]] = {}
    shapes: dict[str, Schema] = {}
    for path, method, operation in described:
        for shape in (operation.body, operation.query):
            if shape is not None:
                shapes[shape.name] = shape.schema()
        paths.setdefault(_PATH_PARAMETER.sub(r"{\1}", path), {})[method] = _operation(
            path, operation
        )
    tokens = {str(kind.kind): dict(kind.schema) for kind in kinds}
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
            "schemas": _by_kind(named(dict(SCHEMAS) | shapes), tokens),
            "headers": {
                name: {"description": why, "schema": {"type": "string"}}
                for name, why in _HEADERS.items()
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, or an API key (tsk_…).",
                }
            },
        },
    }


def operations(routes: Iterable[BaseRoute]) -> Iterable[Described]:
    """Every documented handler of *routes*."""
    for route in routes:
        if not isinstance(route, HTTPRoute):
            continue
        # The framework keeps them in a set: their order differs between processes.
        for handler in sorted(route.route_handlers, key=_method):
            operation = handler.opt.get("operation")
            if isinstance(operation, Operation):
                yield route.path, _method(handler), operation


def operations_of(handlers: Iterable[HTTPRouteHandler]) -> Iterable[Described]:
    """As `operations`, of handlers that nobody has made routes of."""
    for handler in handlers:
        operation = handler.opt.get("operation")
        if isinstance(operation, Operation):
            (path,) = handler.paths
            yield path, _method(handler), operation


def _by_kind(schemas: dict[str, Schema], tokens: Mapping[str, Schema]) -> dict[str, Schema]:
    """*schemas*, in which a request's `token` is what its `kind` says that it is."""
    made = dict(schemas)
    for name in _WITH_A_TOKEN if tokens else ():
        whole = made[name]
        mapping: dict[str, str] = {}
        for kind in tokens:
            properties = dict(cast("Mapping[str, Schema]", whole["properties"]))
            properties["kind"] = properties["kind"] | {"enum": [kind]}
            token = ref(f"Token_{kind}")
            properties["token"] = token | {"description": properties["token"]["description"]}
            without = {each: value for each, value in whole.items() if each != "example"}
            made[f"{name}_{kind}"] = without | {"properties": properties}
            mapping[kind] = str(ref(f"{name}_{kind}")["$ref"])
        made[name] = {
            "oneOf": [{"$ref": each} for each in mapping.values()],
            "discriminator": {"propertyName": "kind", "mapping": mapping},
            "example": whole["example"],
        }
    return made | {f"Token_{kind}": schema for kind, schema in tokens.items()}


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
            "required": any(field.required for field in operation.body.fields)
            or operation.body.least > 0,
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
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "pattern": "^[ -~]+$",
            },
        }
    if operation.is_polled:
        yield {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "description": "The ETag of the answer that you have; 304 as long as it is the same.",
            "schema": {"type": "string"},
        }
    if operation.media_type == "text/event-stream":
        yield {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "description": "The id of the last event that arrived.",
            "schema": {"type": "string", "pattern": "^[0-9]{1,16}$"},
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
    of_keys = ("Location", "Idempotent-Replayed") if operation.needs_idempotency_key else ()
    always = ("X-Request-Id", *(_RATE_FIELDS if operation.is_limited else ()))
    good: Schema = {
        "description": operation.summary, "headers": _headers(*always, *of_keys),
    }  # fmt: skip
    if operation.answers is not None:
        content: Schema = {operation.media_type: {"schema": ref(operation.answers)}}
        if operation.other_media_type is not None:
            content[operation.other_media_type] = {"schema": {"type": "string"}}
        good["content"] = content
    waiting: Schema = {}
    if operation.awaits is not None:
        waiting["202"] = {
            "description": "Not there yet: ask again after Retry-After.",
            "headers": _headers("Retry-After"),
            "content": {"application/json": {"schema": ref(operation.awaits)}},
        }
    by_status: dict[int, list[str]] = {}
    for code in codes_of(operation):
        by_status.setdefault(ERROR_CODES[code].status, []).append(code)
    problems = {
        str(status): {
            "description": ", ".join(codes),
            **_retrying(status, codes, operation),
            "content": {MEDIA_TYPE: {"schema": ref("Problem")}},
        }
        for status, codes in sorted(by_status.items())
    }
    empty: Schema = {str(status): {"description": why} for status, why in operation.empty.items()}
    if operation.is_polled:
        good["headers"] = _headers(*always, "ETag")
        empty["304"] = {"description": "It is as you have it.", "headers": _headers("ETag")}
    return {str(operation.status): good, **waiting, **empty, **problems}


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _retrying(status: int, codes: Iterable[str], operation: Operation) -> Schema:
    has_time = any(ERROR_CODES[code].retry_after_seconds is not None for code in codes)
    fields = _RATE_FIELDS if status == 429 and operation.is_limited else ()
    return {"headers": _headers("Retry-After", *fields)} if has_time else {}


def codes_of(operation: Operation) -> tuple[str, ...]:
    """Every code that the operation may answer."""
    of_callers = () if operation.is_public else _OF_CALLERS
    of_bodies = () if operation.body is None else _OF_BODIES
    return tuple(dict.fromkeys((*of_callers, *of_bodies, *operation.codes, *_EVERYWHERE)))


def as_json(document: Schema) -> Json:
    """A schema is JSON, whatever its type says."""
    return cast("Json", document)
