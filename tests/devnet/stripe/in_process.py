"""The real SDK without a socket: its requests are answered by a loopback in this process."""

from urllib.parse import urlsplit

import stripe

from entrypoints.devnet.stripe import LineLostError, Request


class InProcess(stripe.HTTPClient):
    """What the SDK sends its requests through.  It tries again at once: nothing sleeps here."""

    name = "in_process"

    def __init__(self, loopback):
        super().__init__()
        self.loopback = loopback

    def request(self, method, url, headers, post_data=None, *, _usage=None):
        address = urlsplit(url)
        request = Request(
            method=method.upper(),
            path=address.path,
            form=(post_data or "") if method == "post" else address.query,
            headers=dict(headers),
        )
        try:
            answer = self.loopback.answer(request)
        except LineLostError as error:
            raise stripe.APIConnectionError("the line was lost", should_retry=True) from error
        told = {name.lower(): value for name, value in answer.headers.items()}
        return answer.body.decode(), answer.status, told

    def _sleep_time_seconds(self, num_retries, response=None):
        return 0

    def close(self):
        pass


def client_of(loopback, *, max_network_retries=2, **options):
    return stripe.StripeClient(
        loopback.secret_key,
        http_client=InProcess(loopback),
        max_network_retries=max_network_retries,
        **options,
    )
