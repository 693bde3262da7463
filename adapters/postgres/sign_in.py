"""Identities at providers, and sign-ins that are under way."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from adapters.postgres import queries
from adapters.postgres.transaction import Transaction
from application.ports.storage.sign_in import Flows, Identities
from domain.identifiers import FlowId, IdentityId, UserId
from domain.sign_in import Flow, Identity

SIGN_IN = queries.load("sign_in.sql")

Row = Mapping[str, Any]


@frozen
class PostgresIdentities(Identities):
    _transaction: Transaction

    def add(self, identity: Identity) -> bool:
        return self._transaction.change(SIGN_IN["insert_identity"], _identity_row(identity)) == 1

    def find(self, issuer: str, subject_hash: bytes) -> UserId | None:
        asked = {"issuer": issuer, "subject_hash": subject_hash}
        row = self._transaction.row(SIGN_IN["find_identity"], asked)
        return row["id"] if row else None

    def all(self) -> list[Identity]:
        found = self._transaction.rows(SIGN_IN["identities"])
        return [_identity(row) for row in found]

    def end(self, id: IdentityId, now: datetime) -> bool:
        return self._transaction.change(SIGN_IN["end_identity"], {"id": id, "now": now}) == 1


@frozen
class PostgresFlows(Flows):
    _transaction: Transaction

    def add(self, flow: Flow) -> None:
        self._transaction.write(SIGN_IN["insert_flow"], _flow_row(flow))

    def get(self, id: FlowId) -> Flow | None:
        row = self._transaction.row(SIGN_IN["select_flow"], {"id": id})
        return _flow(row) if row else None

    def take(self, id: FlowId, now: datetime) -> bool:
        return self._transaction.change(SIGN_IN["take_flow"], {"id": id, "now": now}) == 1

    def purge(self, before: datetime) -> int:
        row = self._transaction.row(SIGN_IN["purge_flows"], {"before": before})
        return row["forgotten"] if row else 0


def _identity_row(identity: Identity) -> Row:
    return {
        "user_id": identity.user,
        "id": identity.id,
        "issuer": identity.issuer,
        "subject_hash": identity.subject_hash,
        "linked_at": identity.linked_at,
        "unlinked_at": identity.unlinked_at,
    }


def _identity(row: Row) -> Identity:
    return Identity(
        user=row["user_id"],
        id=row["id"],
        issuer=row["issuer"],
        subject_hash=row["subject_hash"],
        linked_at=row["linked_at"],
        unlinked_at=row["unlinked_at"],
    )


def _flow_row(flow: Flow) -> Row:
    return {
        "id": flow.id,
        "secret_hash": flow.secret_hash,
        "issuer": flow.issuer,
        "wanted": flow.organisation,
        "name": flow.name,
        "user_id": flow.user,
        "session_id": flow.session,
        "started_at": flow.started_at,
        "expires_at": flow.expires_at,
        "used_at": flow.used_at,
    }


def _flow(row: Row) -> Flow:
    return Flow(
        id=row["id"],
        secret_hash=row["secret_hash"],
        issuer=row["issuer"],
        organisation=row["wanted"],
        name=row["name"],
        user=row["user_id"],
        session=row["session_id"],
        started_at=row["started_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
    )
