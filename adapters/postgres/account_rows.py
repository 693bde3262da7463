"""Issuing accounts, with all of their keys, and what is done to these."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from domain.account import Account, AccountKey, AccountState, Origin
from domain.key_change import KeyAction, KeyChange, KeyChangeState
from domain.network import Family
from domain.signing import Curve, PublicKey

Row = Mapping[str, Any]


def account_from_row(row: Row) -> Account:
    public_key = row["public_key"]
    return Account(
        organisation=row["organisation_id"],
        id=row["id"],
        family=Family(row["family"]),
        live=row["live"],
        custodian=row["custodian"],
        origin=Origin(row["origin"]),
        state=AccountState(row["state"]),
        key=row["key_ref"],
        public_key=None if public_key is None else PublicKey(Curve(row["curve"]), public_key),
        address=row["address"],
        further_keys=tuple(map(_key_from_json, row["further_keys"])),
        created_at=row["created_at"],
    )


def account_to_row(account: Account) -> Row:
    return {
        "organisation_id": account.organisation,
        "id": account.id,
        "family": account.family.value,
        "live": account.live,
        "custodian": account.custodian,
        "origin": account.origin.value,
        "state": account.state.value,
        "key_ref": account.key,
        "curve": account.public_key and account.public_key.curve.value,
        "public_key": account.public_key and account.public_key.raw,
        "address": account.address,
        "further_keys": Jsonb([_key_to_json(each) for each in account.further_keys]),
        "created_at": account.created_at,
    }


def key_change_from_row(row: Row) -> KeyChange:
    return KeyChange(
        organisation=row["organisation_id"],
        id=row["id"],
        account=row["account_id"],
        action=KeyAction(row["action"]),
        custodian=row["custodian"],
        key=row["key_ref"],
        state=KeyChangeState(row["state"]),
        code=row["code"],
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        ended_at=row["ended_at"],
    )


def key_change_to_row(change: KeyChange) -> Row:
    return {
        "organisation_id": change.organisation,
        "id": change.id,
        "account_id": change.account,
        "action": change.action.value,
        "custodian": change.custodian,
        "key_ref": change.key,
        "state": change.state.value,
        "code": change.code,
        "requested_by": change.requested_by,
        "requested_at": change.requested_at,
        "ended_at": change.ended_at,
    }


def _key_to_json(key: AccountKey) -> Row:
    return {
        "key": key.key,
        "curve": key.public_key.curve.value,
        "public_key": key.public_key.raw.hex(),
        "address": key.address,
        "is_enabled": key.is_enabled,
        "issues": key.issues,
        "networks": sorted(key.networks),
    }


def _key_from_json(row: Row) -> AccountKey:
    return AccountKey(
        key=row["key"],
        public_key=PublicKey(Curve(row["curve"]), bytes.fromhex(row["public_key"])),
        address=row["address"],
        is_enabled=row["is_enabled"],
        issues=row.get("issues", False),
        networks=frozenset(row.get("networks", ())),
    )
