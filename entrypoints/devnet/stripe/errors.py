"""What Stripe answers to a request that it does not carry out.

    RefusedError            a status of Stripe's, with an error object of Stripe's
    └── NotBuiltError       501: Stripe may well know this; the loopback does not

https://docs.stripe.com/api/errors
"""

from typing import Any

from entrypoints.devnet.stripe.records import Record


class RefusedError(Exception):
    """`fields` go into the error object as they are: `decline_code`, `payment_intent`, …"""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # noqa: A002 - Stripe's name
        code: str | None = None,
        param: str | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.fields = fields

    def as_json(self) -> Record:
        told = {"code": self.code, "param": self.param, **self.fields}
        return {
            "error": {
                "message": str(self),
                "type": self.type,
                **{name: value for name, value in told.items() if value is not None},
            }
        }


class NotBuiltError(RefusedError):
    """Never a canned success: what is not built here fails loudly."""

    def __init__(self, what: str) -> None:
        super().__init__(
            501,
            f"the loopback Stripe does not implement {what}",
            type="api_error",
            code="not_implemented_by_the_loopback",
        )


def missing(kind: str, id: str, param: str = "id") -> RefusedError:
    return RefusedError(404, f"No such {kind}: '{id}'", code="resource_missing", param=param)


def invalid(message: str, param: str | None = None, code: str | None = None) -> RefusedError:
    return RefusedError(400, message, code=code, param=param)
