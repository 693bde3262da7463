"""What the loopback keeps: JSON objects as Stripe writes them, and ids that a seed decides."""

import random
import string
from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]

_LETTERS = string.ascii_letters + string.digits
#: An id's prefix and how many letters follow it.
_IDS = {
    "balance_transaction": ("txn_", 24), "billing_portal.session": ("bps_", 24),
    "charge": ("ch_", 24), "customer": ("cus_", 14), "dispute": ("du_", 24),
    "event": ("evt_", 24), "invoice": ("in_", 24), "invoice_payment": ("inpay_", 24),
    "invoiceitem": ("ii_", 24), "item": ("li_", 24), "line_item": ("il_", 24),
    "payment_intent": ("pi_", 24), "payment_method": ("pm_", 24), "price": ("price_", 24),
    "product": ("prod_", 14), "refund": ("re_", 24), "request": ("req_", 14),
    "subscription": ("sub_", 24), "subscription_item": ("si_", 14),
    "test_helpers.test_clock": ("clock_", 24),
}  # fmt: skip


class Identifiers:
    """Ids in Stripe's form.  The same seed gives the same ids in the same order."""

    def __init__(self, seed: int | str, *, livemode: bool) -> None:
        self._random = random.Random(f"stripe ids {seed} {livemode}")
        self._mode = "live" if livemode else "test"

    def next(self, kind: str) -> str:
        if kind == "checkout.session":
            return f"cs_{self._mode}_{self.letters(58)}"
        prefix, length = _IDS[kind]
        return prefix + self.letters(length)

    def letters(self, count: int) -> str:
        return "".join(self._random.choices(_LETTERS, k=count))


def copied(value: Any) -> Any:
    """A copy that shares nothing with the original: what an event tells never changes later."""
    if type(value) is dict:
        return {
            name: copied(each) if type(each) in {dict, list} else each
            for name, each in value.items()
        }
    if type(value) is list:
        return [copied(each) if type(each) in {dict, list} else each for each in value]
    return value


def nulls(names: str) -> Record:
    """Fields, named in one text, that are there and empty."""
    return dict.fromkeys(names.split())


def list_object(url: str, data: Iterable[Record], *, has_more: bool = False) -> Record:
    return {"object": "list", "data": list(data), "has_more": has_more, "url": url}
