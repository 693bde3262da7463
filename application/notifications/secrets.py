"""Secrets of endpoints: made, shown once, kept wrapped, read by whoever signs."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from application.ports.custody import KeyWrapping, Wrapped
from application.ports.identifiers import Identifiers
from domain.identifiers import EndpointId, OrganisationId
from domain.webhook import SECRET_BYTES, Secret


@frozen(kw_only=True)
class EndpointSecrets:
    wrapping: KeyWrapping
    identifiers: Identifiers

    def new(
        self, organisation: OrganisationId, endpoint: EndpointId, number: int, now: datetime
    ) -> tuple[Secret, bytes]:
        """As it is stored, and as it is shown.  Raises: CustodyUnavailableError."""
        plain = self.identifiers.secret(SECRET_BYTES)
        wrapped = self.wrapping.wrap(plain, _context(organisation, endpoint, number))
        secret = Secret(
            number=number,
            wrapping=wrapped.wrapping,
            ciphertext=wrapped.ciphertext,
            created_at=now,
        )
        return secret, plain

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
                _context(organisation, endpoint, each.number),
            )
            for each in secrets
            if each.signs(now)
        ]


def _context(organisation: OrganisationId, endpoint: EndpointId, number: int) -> bytes:
    place = organisation.bytes + endpoint.bytes + number.to_bytes(4, "big")
    return b"webhook.secret\0" + place
