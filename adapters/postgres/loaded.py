"""What a turn loads of an organisation: rows within rows, as objects, to values."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from adapters.postgres import ledger_rows
from adapters.postgres.abuse import spending_from_row
from adapters.postgres.idempotency import key_from_row
from adapters.postgres.rows import Row, remembered_from_row
from application.ports.storage.idempotency import IdempotencyKey, Remembered
from application.ports.storage.together import Wanted
from domain.abuse import Spending
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.ledger import Hold, Lot, Wallet


def asked(wanted: Mapping[OrganisationId, Wanted]) -> str:
    """The parameter of `load`: an object for each organisation."""
    return json.dumps(
        [
            {
                "organisation_id": str(id),
                "holds": [str(hold) for hold in each.holds],
                "subjects": [*each.askers, public_id(Prefix.ORGANISATION, id)],
                "live": [key.live for key in each.keys],
                "routes": [key.route for key in each.keys],
                "keys": [key.key for key in each.keys],
            }
            for id, each in wanted.items()
        ]
    )


def wallet_from(locked: Row, row: Row) -> Wallet:
    """*locked*: of the wallet itself; *row*: what `load` found."""
    return Wallet(
        organisation=locked["organisation_id"],
        available=locked["available"],
        held=locked["held"],
        debt=locked["debt"],
        version=locked["version"],
        watch=ledger_rows.watch_from_row(locked),
        lots=tuple([_lot(each) for each in row["lots"] or ()]),
        holds=tuple([_hold(each) for each in row["holds"] or ()]),
    )


def spendings_from(row: Row) -> dict[str, Spending]:
    return {each["subject"]: _spending(each) for each in row["spendings"] or ()}


def remembered_from(row: Row) -> dict[IdempotencyKey, Remembered]:
    return {key_from_row(each): _remembered(each) for each in row["remembered"] or ()}


def _lot(found: dict[str, Any]) -> Lot:
    found["id"] = UUID(found["id"])
    found["root_id"] = _uuid(found["root_id"])
    found["effective_at"] = datetime.fromisoformat(found["effective_at"])
    found["expires_at"] = instant(found["expires_at"])
    found["ended_at"] = instant(found["ended_at"])
    return ledger_rows.lot_from_row(found)


def _hold(found: dict[str, Any]) -> Hold:
    found["id"] = UUID(found["id"])
    found["subject"] = UUID(found["subject"])
    found["lease_until"] = instant(found["lease_until"])
    found["portion_lots"] = [UUID(lot) for lot in found["portion_lots"]]
    return ledger_rows.hold_from_row(found)


def _spending(found: dict[str, Any]) -> Spending:
    found["bucket_starts"] = [datetime.fromisoformat(at) for at in found["bucket_starts"]]
    found["alerted_at"] = instant(found["alerted_at"])
    found["frozen_until"] = instant(found["frozen_until"])
    return spending_from_row(found)


def _remembered(found: dict[str, Any]) -> Remembered:
    found["fingerprint"] = bytes.fromhex(found["fingerprint"])
    found["operation_id"] = _uuid(found["operation_id"])
    found["expires_at"] = datetime.fromisoformat(found["expires_at"])
    return remembered_from_row(found)


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
