"""What a block says of a transaction beside the transaction: protocol's *apply data*."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Applied:
    #: The id of the asset that was created; 0: none was.
    created_asset: int = 0
    #: What closing an account moved, in microalgos.
    closing_amount: int = 0
    #: What closing a holding moved, in base units.
    asset_closing_amount: int = 0

    def fields(self) -> dict[str, Any]:
        """As they stand beside `txn` in a block."""
        named = {
            "caid": self.created_asset,
            "ca": self.closing_amount,
            "aca": self.asset_closing_amount,
        }
        return {name: value for name, value in named.items() if value}


NOTHING = Applied()
