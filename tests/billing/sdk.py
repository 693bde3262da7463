"""The real SDK on a loopback Stripe in this process, without a socket."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe

from adapters.stripe.payments import StripePayments
from entrypoints.devnet.stripe import LineLostError, Loopback, Request

SECRET = "whsec_the_one"


class InProcess(stripe.HTTPClient):
    """Hands requests to the loopback as they are, and its answers back."""

    name = "in process"

    def __init__(self, loopback: Loopback) -> None:
        super().__init__()
        self._loopback = loopback

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **_: Any,
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        form = post_data if method == "post" else parts.query
        request = Request(
            method=method.upper(), path=parts.path, form=form or "", headers=headers or {}
        )
        try:
            answer = self._loopback.answer(request)
        except LineLostError as error:
            raise stripe.APIConnectionError("the line is lost") from error
        return answer.body.decode(), answer.status, dict(answer.headers)

    def close(self) -> None:
        pass


def payments_on(loopback: Loopback, *secrets: str) -> StripePayments:
    client = stripe.StripeClient(
        loopback.secret_key, http_client=InProcess(loopback), max_network_retries=0
    )
    return StripePayments(client, secrets or (SECRET,), live=loopback.account.livemode)
