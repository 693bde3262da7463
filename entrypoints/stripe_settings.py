"""How this installation takes money, if it does: ``[stripe]``."""

import re

from attrs import field, frozen

from entrypoints.network_settings import shown

API = "https://api.stripe.com"
_KEY = re.compile(r"(sk|rk)_(test|live)_\w+", re.ASCII)
_SECRET = re.compile(r"whsec_\w+", re.ASCII)

_NAME = "TALLYSTICK_STRIPE_SECRET_KEY ([stripe] secret_key)"
_SECRETS = "TALLYSTICK_STRIPE_WEBHOOK_SECRETS ([stripe] webhook_secrets)"
_BASE = "TALLYSTICK_STRIPE_API_BASE ([stripe] api_base)"


@frozen(kw_only=True)
class StripeSettings:
    secret_key: str = field(repr=False)
    #: The signing secrets of the webhook endpoint: two of them while one replaces the other.
    webhook_secrets: tuple[str, ...] = field(repr=False)
    api_base: str = API
    #: Test mode in production, where nobody pays for real.
    allow_test_mode: bool = False

    @property
    def live(self) -> bool:
        return "_live_" in self.secret_key[: len("sk_live_")]

    def redacted(self) -> dict[str, object]:
        return {
            "secret_key": shown(self.secret_key),
            "webhook_secrets": f"{len(self.webhook_secrets)} of them",
            "api_base": self.api_base,
            "allow_test_mode": self.allow_test_mode,
        }


def read_stripe(
    key: str | None,
    secrets: str | None,
    api_base: str,
    environment: str,
    *,
    allow_test_mode: bool,
) -> tuple[StripeSettings | None, list[str]]:
    """The settings, and every fault; None: no money is taken here.  Asks nobody."""
    if not key:
        faults = [f"{_NAME} is missing, and {_SECRETS} is there"] if secrets else []
        return None, faults
    found = tuple(_SECRET.findall(secrets or ""))
    read = StripeSettings(
        secret_key=key,
        webhook_secrets=found,
        api_base=api_base.rstrip("/"),
        allow_test_mode=allow_test_mode,
    )
    return read, _faults(read, secrets or "", environment)


def _faults(read: StripeSettings, secrets: str, environment: str) -> list[str]:
    faults = []
    if not _KEY.fullmatch(read.secret_key):
        faults.append(f"{_NAME} must be a secret or restricted key: sk_test_…, rk_live_…")
    elif environment == "production":
        if not (read.live or read.allow_test_mode):
            faults.append(
                f"{_NAME} is of test mode, in which nobody pays; to use it in production all the "
                "same, say TALLYSTICK_STRIPE_ALLOW_TEST_MODE=true"
            )
    elif read.live:
        faults.append(f"{_NAME} is of live mode, and this is no production installation")
    if not 1 <= len(read.webhook_secrets) <= 2 or re.sub(_SECRET, "", secrets).strip("[]'\", \n"):
        faults.append(f"{_SECRETS} must be one or two signing secrets, whsec_…, with commas")
    if environment == "production" and read.api_base != API:
        faults.append(f"{_BASE} must be {API} in production")
    elif not read.api_base.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        faults.append(f"{_BASE} must begin with https://, or be on this machine")
    return faults
