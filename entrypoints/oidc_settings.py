"""Whose log-in is taken beside a password, if anybody's: ``[oidc]``."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from attrs import field, frozen

from domain.sign_in import ANY_DOMAIN, SignInRules
from entrypoints.network_settings import shown

#: Where people come back to, unless the operator says another page.
CALLBACK = "/v1/auth/sso/callback"
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}", re.ASCII)

_ISSUER = "TALLYSTICK_OIDC_ISSUER ([oidc] issuer)"
_CLIENT = "TALLYSTICK_OIDC_CLIENT_ID ([oidc] client_id)"
_REDIRECT = "TALLYSTICK_OIDC_REDIRECT_URL ([oidc] redirect_url)"
_ALLOWED = "TALLYSTICK_OIDC_ALLOWED_DOMAINS ([oidc] allowed_domains)"
_TRUSTED = "TALLYSTICK_OIDC_TRUSTED_DOMAINS ([oidc] trusted_domains)"
_SIGN_UP = "TALLYSTICK_OIDC_SIGN_UP ([oidc] sign_up)"


@frozen(kw_only=True)
class OidcSettings:
    #: As the provider spells it, letter by letter.
    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    redirect_url: str
    rules: SignInRules = field(factory=SignInRules)

    def redacted(self) -> dict[str, object]:
        return {
            "issuer": self.issuer,
            "client_id": self.client_id,
            "client_secret": shown(self.client_secret),
            "redirect_url": self.redirect_url,
            "allowed_domains": sorted(self.rules.allowed),
            "trusted_domains": sorted(self.rules.trusted),
            "sign_up": self.rules.signs_up,
        }


def read_oidc(
    issuer: str | None,
    client_id: str | None,
    client_secret: str | None,
    redirect_url: str,
    rules: SignInRules,
    environment: str,
) -> tuple[OidcSettings | None, list[str]]:
    """The settings, and every fault; None: nobody signs in elsewhere.  Asks nobody."""
    if not issuer:
        given = client_id or client_secret or rules != SignInRules()
        return None, [f"{_ISSUER} is missing, and other settings of [oidc] are there"] * bool(
            given
        )
    read = OidcSettings(
        issuer=issuer,
        client_id=client_id or "",
        client_secret=client_secret or None,
        redirect_url=redirect_url,
        rules=rules,
    )
    faults = [] if client_id else [f"{_CLIENT} is missing: who we are at the provider"]
    for name, url in ((_ISSUER, issuer), (_REDIRECT, redirect_url)):
        faults += _url_faults(name, url, environment)
    faults += _domain_faults(rules)
    return read, faults


def domains(names: Sequence[str]) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in names)


def _url_faults(name: str, url: str, environment: str) -> list[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return [f"{name} is no URL"]
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        return [f"{name} must be a URL without user, query and fragment"]
    if parts.scheme == "https" or (parts.scheme == "http" and environment == "development"):
        return []
    return [f"{name} must begin with https://"]


def _domain_faults(rules: SignInRules) -> list[str]:
    faults = [
        f"{name}: {each} is no domain"
        for name, found in ((_ALLOWED, rules.allowed - {ANY_DOMAIN}), (_TRUSTED, rules.trusted))
        for each in sorted(found)
        if not _DOMAIN.fullmatch(each)
    ]
    is_open = not rules.allowed or ANY_DOMAIN in rules.allowed
    if not is_open and not rules.trusted <= rules.allowed:
        faults.append(f"{_TRUSTED} must be among the allowed ones")
    if rules.signs_up and not rules.allowed:
        faults.append(
            f"{_SIGN_UP} needs {_ALLOWED}: whose people are registered, or {ANY_DOMAIN} for all"
        )
    return faults
