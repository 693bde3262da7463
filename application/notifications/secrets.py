"""Secrets of endpoints: made, shown once, kept wrapped, read by whoever signs."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from application.ports.custody import KeyWrapping, Wrapped
from application.ports.identifiers import Identifiers
from application.ports.seeds import SeedSigning
from domain.identifiers import EndpointId, OrganisationId
from domain.webhook import (
    SECRET_BYTES,
    Scheme,
    Secret,
    headers_of,
    shared_signature,
    written,
)


@frozen(kw_only=True)
class EndpointSecrets:
    wrapping: KeyWrapping
    seeds: SeedSigning
    identifiers: Identifiers

    def new(
        self,
        organisation: OrganisationId,
        endpoint: EndpointId,
        number: int,
        now: datetime,
        scheme: Scheme = Scheme.SHARED,
    ) -> tuple[Secret, str | None]:
        """As it is stored, and as it is shown; None: nobody needs to see it.

        Raises:
            CustodyUnavailableError: ask again.
        """
        plain = self.identifiers.secret(SECRET_BYTES)
        wrapped = self.wrapping.wrap(plain, context_of(organisation, endpoint, number))
        secret = Secret(
            number=number,
            wrapping=wrapped.wrapping,
            ciphertext=wrapped.ciphertext,
            public_key=self.seeds.public_key(plain) if scheme is Scheme.PUBLIC else None,
            created_at=now,
        )
        return secret, written(plain) if scheme is Scheme.SHARED else None

    def headers(
        self, message: str, at: datetime, body: bytes, secrets: Sequence[bytes], scheme: Scheme
    ) -> dict[str, str]:
        """A message's own, signed by each of *secrets*."""
        sign = self.seeds.sign if scheme is Scheme.PUBLIC else shared_signature
        return headers_of(message, at, body, secrets, scheme, sign)

    def read(
        self,
        organisation: OrganisationId,
        endpoint: EndpointId,
        secrets: Sequence[Secret],
        now: datetime,
    ) -> list[bytes]:
        """Those that sign now, newest first.

        Raises:
            CustodyUnavailableError: ask again.
            CustodyRefusedError: they are not this endpoint's.
        """
        return [
            self.wrapping.unwrap(
                Wrapped(wrapping=each.wrapping, ciphertext=each.ciphertext),
                context_of(organisation, endpoint, each.number),
            )
            for each in secrets
            if each.signs(now)
        ]


def context_of(organisation: OrganisationId, endpoint: EndpointId, number: int) -> bytes:
    place = organisation.bytes + endpoint.bytes + number.to_bytes(4, "big")
    return b"webhook.secret\0" + place
