"""A Stripe account in this process, with or without a port."""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from entrypoints.devnet.processes import free_port, give_back
from entrypoints.devnet.stripe.account import START, Account, Dunning
from entrypoints.devnet.stripe.api import Answer, Api, Request
from entrypoints.devnet.stripe.control import Control
from entrypoints.devnet.stripe.server import StripeServer, posting_to

TEST_KEY = "sk_test_loopback"
LIVE_KEY = "sk_live_loopback"
_POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Loopback:
    """One account: what it holds, how it is asked, and what happens to it.

    `control` has pay_checkout, refund, advance, add_receiver, …; `answer` is the API without a
    socket.  `url` is empty where there is none.
    """

    account: Account
    api: Api
    control: Control
    url: str = ""

    @property
    def secret_key(self) -> str:
        return self.api.secret_key

    def answer(self, request: Request) -> Answer:
        return self.api.answer(request)


def loopback(
    *,
    seed: int | str | None = None,
    now: int = START,
    livemode: bool = False,
    dunning: Dunning | None = None,
    wall_clock: Callable[[], float] | None = None,
    secret_key: str | None = None,
    url: str = "",
) -> Loopback:
    """An empty account without a port.  The same seed gives the same ids; none: chance decides."""
    account = Account(
        seed=secrets.token_hex(8) if seed is None else seed,
        now=now,
        livemode=livemode,
        dunning=dunning,
        wall_clock=wall_clock,
    )
    if url:
        account.pages_url = url
    api = Api(account, secret_key or (LIVE_KEY if livemode else TEST_KEY))
    control = Control(account, api, posting_to)
    return Loopback(account=account, api=api, control=control, url=url)


@dataclass(frozen=True, kw_only=True)
class RunningStripe:
    """Both modes on one port, told apart by the secret key."""

    url: str
    test: Loopback
    live: Loopback


@contextlib.contextmanager
def stripe_loopback(
    *,
    seed: int | str | None = None,
    port: int | None = None,
    now: int = START,
    dunning: Dunning | None = None,
    uses_wall_clock: bool = False,
) -> Iterator[RunningStripe]:
    """A loopback Stripe on a port, for the length of a block.

    With the wall clock, time passes by itself, and webhooks are sent as they fall due; else
    nothing happens until `control.advance`, `deliver` or `finish` is called.
    """
    chosen = free_port() if port is None else port
    url = f"http://127.0.0.1:{chosen}"
    seed = secrets.token_hex(8) if seed is None else seed
    test, live = (
        loopback(
            seed=seed,
            now=now,
            livemode=livemode,
            dunning=dunning,
            wall_clock=time.time if uses_wall_clock else None,
            url=url,
        )
        for livemode in (False, True)
    )
    with contextlib.ExitStack() as ends:
        if port is None:
            ends.callback(give_back, chosen)
        server = StripeServer(chosen, [(each.api, each.control) for each in (test, live)])
        ends.callback(server.stop)
        server.start()
        if uses_wall_clock:
            ends.callback(_keep_delivering([test, live]))
        yield RunningStripe(url=url, test=test, live=live)


def _keep_delivering(loopbacks: list[Loopback]) -> Callable[[], None]:
    over = threading.Event()

    def work() -> None:
        while not over.wait(_POLL_SECONDS):
            for each in loopbacks:
                each.control.now()
                each.control.deliver()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def end() -> None:
        over.set()
        thread.join()

    return end
