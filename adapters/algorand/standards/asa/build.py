"""The asset that an intent asks for: who has a role is known once the issuer's address is."""

import base64

from adapters.algorand.assets import Asset
from adapters.algorand.fields import Role
from domain.operation import Intent


def asset_of(intent: Intent) -> Asset:
    token, parameters = intent.token, intent.token.parameters

    def holder(role: str) -> str | None:
        named = parameters[role]
        if named is None:
            return None
        return intent.owner if named == Role.ISSUER else str(named)

    return Asset(
        creator=intent.owner,
        name=token.name.encode(),
        unit_name=token.symbol.encode(),
        total=token.supply,
        decimals=token.decimals,
        url=str(parameters["url"] or "").encode(),
        metadata_hash=base64.b64decode(str(parameters["metadata_hash"] or "")),
        default_frozen=bool(parameters["default_frozen"]),
        manager=holder("manager"),
        reserve=holder("reserve"),
        freeze=holder("freeze"),
        clawback=holder("clawback"),
    )
