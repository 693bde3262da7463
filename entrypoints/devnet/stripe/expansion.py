"""`expand`: an id in an answer is replaced by the object, a list that is left out is put in.

https://docs.stripe.com/api/expanding_objects
"""

from collections.abc import Callable
from typing import Any

from entrypoints.devnet.stripe import checkout, customers, invoices, reversals
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.records import Record, copied

#: Lists that are only there when they are asked for.
_LEFT_OUT: dict[tuple[str, str], Callable[[Account, Record], Record]] = {
    ("charge", "refunds"): reversals.refunds_of,
    ("checkout.session", "line_items"): checkout.lines_of,
    ("customer", "subscriptions"): customers.subscriptions_of,
    ("invoice", "payments"): invoices.payments_of,
}
#: Fields whose text is an id.
_IDS = {
    "balance_transaction", "charge", "customer", "default_payment_method", "default_price",
    "failure_balance_transaction", "invoice", "latest_charge", "latest_invoice", "payment_intent",
    "payment_method", "price", "product", "subscription", "test_clock",
}  # fmt: skip
_DEEPEST = 4


def expanded(account: Account, answer: Record, paths: list[str]) -> Record:
    """A copy of the answer with the paths expanded.  Raises: RefusedError."""
    answer = copied(answer)
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise invalid(
                f"You cannot expand more than {_DEEPEST} levels of a property. Property: {path}",
                "expand",
            )
        _expand(account, answer, steps, path)
    return answer


def _expand(account: Account, value: Any, steps: list[str], path: str) -> None:
    if not steps or value is None:
        return
    if isinstance(value, list):
        for each in value:
            _expand(account, each, steps, path)
        return
    name, *rest = steps
    if not isinstance(value, dict):
        raise _unexpandable(path)
    left_out = _LEFT_OUT.get((value.get("object", ""), name))
    if left_out is not None:
        if name not in value:
            value[name] = copied(left_out(account, value))
    elif name not in value:
        raise _unexpandable(path)
    elif isinstance(value[name], str):
        found = account.anything(value[name]) if name in _IDS else None
        if found is None:
            raise _unexpandable(path)
        value[name] = copied(found)
    elif not rest and name not in _IDS:
        raise _unexpandable(path)
    _expand(account, value[name], rest, path)


def _unexpandable(path: str) -> Exception:
    return invalid(f"This property cannot be expanded ({path}).", "expand")
