"""A provider of log-ins that speaks OpenID Connect.

::

    metadata.py   what it says of itself (OpenID Connect Discovery 1.0)
    keys.py       what it signs with, and how that is kept up with (RFC 7517)
    claims.py     what its word must be like (OpenID Connect Core 1.0, 3.1.3.7)
    exchange.py   asking it anything: through the guard, and nowhere else
    provider.py   the port: authorization code flow with PKCE (RFC 7636)

Nothing that a token says of its own key is believed: neither where it is (``jku``, ``x5u``) nor
what it is (``jwk``, ``x5c``); a ``kid`` is a name to look up in the set that was fetched from the
provider.  The algorithm is one of `metadata.ALGORITHMS`, whatever the token, the key and the
provider say; none of them takes a secret.
"""

from adapters.oidc.provider import Client, OidcProvider, connect

__all__ = ["Client", "OidcProvider", "connect"]
