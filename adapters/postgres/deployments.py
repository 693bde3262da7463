"""Operations: the aggregate over five tables, and the queue that is one of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from attrs import evolve, field, frozen
from psycopg.rows import DictRow

from adapters.postgres import queries, rows
from adapters.postgres.outlines import KeptOutlines
from adapters.postgres.signed import NOTHING, KeptBytes, SignedBytes, key_from_row, key_of
from adapters.postgres.statements import Found, Statement
from adapters.postgres.transaction import Transaction
from application.ports.storage.deployments import (
    DEPLOYMENTS,
    NOBODY,
    Claim,
    Claims,
    ClientReferenceTakenError,
    DeploymentIdTakenError,
    Deployments,
    keeps_what_was_signed,
)
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.work import LeaseLostError, Lock
from domain.deployment import Deployment, State
from domain.errors import MisuseError
from domain.identifiers import AccountId, NetworkId, OperationId
from domain.operation import Attempt, OperationKind, Step
from domain.token import TokenKind
from domain.trace import Cause, TraceContext

OPERATIONS = queries.load("operations.sql")

#: What was accepted, and stays.
_KEPT = (
    "organisation",
    "kind",
    "network",
    "live",
    "account",
    "requested_by",
    "token",
    "order",
    "of",
    "payer",
    "sender",
    "fee_ceiling",
    "credits",
    "plan_hash",
    "declared_value",
    "client_reference",
    "metadata",
)


@frozen
class PostgresDeployments(Deployments):
    _transaction: Transaction
    _signed: KeptBytes
    _outlined: KeptOutlines = field(factory=KeptOutlines)
    #: As they were when they were locked: what has not changed since is not written again.
    _locked: dict[OperationId, Deployment] = field(factory=dict)

    def add(self, deployment: Deployment, due_at: datetime, cause: Cause = NOBODY) -> None:
        row = {
            **rows.deployment_to_row(deployment),
            "due_at": _due(deployment, due_at),
            "request_id": cause.request_id,
            "traceparent": cause.trace and cause.trace.traceparent,
        }

        def was_free(found: Sequence[Found]) -> None:
            if found[0].rows:
                return
            taken = self._transaction.row(OPERATIONS["exists"], row)
            if taken and taken["is_taken"]:
                raise DeploymentIdTakenError(f"there is a deployment {deployment.id}")
            raise ClientReferenceTakenError(f"{deployment.client_reference} was used before")

        steps = [
            (OPERATIONS["insert_step"], rows.step_to_row(deployment, step))
            for step in deployment.steps
        ]
        self._transaction.later([(OPERATIONS["insert_deployment"], row), *steps], was_free)
        begun = evolve(deployment, steps=tuple(map(_unbegun, deployment.steps)))
        self._transaction.later(_changes(begun, deployment))
        self._locked[deployment.id] = deployment

    def get(self, id: OperationId) -> Deployment | None:
        return next(iter(self._load([id])), None)

    def outline(self, id: OperationId) -> Deployment | None:
        return next(iter(self._outlines([id])), None)

    def lock(self, id: OperationId) -> Deployment | None:
        self._transaction.enter(Lock.OPERATION, id)
        locked = self._load([id], OPERATIONS["lock_operation"])
        if not locked:
            return None
        self._locked[id] = locked[0]
        return locked[0]

    def put(self, deployment: Deployment, due_at: datetime, claim: Claim | None) -> None:
        before = self._locked.get(deployment.id)
        if before is None:
            raise MisuseError(f"{deployment.id} is not locked")
        if changed := [
            name for name in _KEPT if getattr(before, name) != getattr(deployment, name)
        ]:
            raise MisuseError(f"{deployment.id} keeps its {', '.join(changed)}")
        if not keeps_what_was_signed(before, deployment):
            raise MisuseError(f"{deployment.id} keeps what was signed for it")
        row = {
            **rows.deployment_to_row(deployment),
            "due_at": _due(deployment, due_at),
            "token": claim and claim.token,
        }
        update = "update_operation_under_claim" if claim else "update_operation"
        statements: list[Statement] = [(OPERATIONS[update], row)]
        if (before.owner, before.predicted) != (
            deployment.owner,
            deployment.predicted,
        ):
            statements.append((OPERATIONS["update_deployment"], row))
        operation, *_ = self._transaction.batch([*statements, *_changes(before, deployment)])
        if operation.rowcount == 0:
            raise LeaseLostError(f"somebody else may be working on {deployment.id}")
        self._keep(before, deployment)
        self._locked[deployment.id] = deployment

    def due_at(self, id: OperationId) -> datetime | None:
        row = self._transaction.row(OPERATIONS["due_at"], {"id": id})
        return row["due_at"] if row else None

    def by_reference(self, reference: str, *, live: bool) -> Deployment | None:
        parameters = {"reference": reference, "live": live}
        row = self._transaction.row(OPERATIONS["find_by_reference"], parameters)
        return self.get(row["id"]) if row else None

    def list(
        self,
        page: PageRequest,
        *,
        state: State | None = None,
        network: NetworkId | None = None,
        live: bool | None = None,
        kinds: frozenset[OperationKind] = DEPLOYMENTS,
        of: OperationId | None = None,
        token_kind: TokenKind | None = None,
    ) -> Page[Deployment]:
        found = self._transaction.rows(
            OPERATIONS["list"],
            {
                "after": page.after,
                "state": state and state.value,
                "network": network,
                "live": live,
                "kinds": sorted(kind.value for kind in kinds),
                "of": of,
                "token_kind": token_kind,
                "limit": page.limit + 1,
            },
        )
        return Page(tuple(self._listed(found[: page.limit])), len(found) > page.limit)

    def on_token(self, deployment: OperationId) -> Sequence[Deployment]:
        found = self._transaction.rows(OPERATIONS["on_token"], {"of": deployment})
        return [*reversed(self._load([row["id"] for row in found]))]

    def handed_to(self, tokens: Collection[OperationId]) -> Mapping[OperationId, str]:
        found = self._transaction.rows(OPERATIONS["handed_to"], {"tokens": list(tokens)})
        return {OperationId(row["of_id"]): row["address"] for row in found}

    def handing_to(self, address: str) -> Sequence[Deployment]:
        found = self._transaction.rows(OPERATIONS["handing_to"], {"address": address})
        return self._load([row["id"] for row in found])

    def held_by(self, account: AccountId, addresses: Collection[str]) -> Sequence[OperationId]:
        parameters = {"account": account, "addresses": list(addresses)}
        found = self._transaction.rows(OPERATIONS["held_by"], parameters)
        return [OperationId(row["id"]) for row in found]

    def anchors_from(self, origin: str, size: int) -> Sequence[Deployment]:
        found = self._transaction.rows(
            OPERATIONS["anchors_from"], {"origin": origin, "size": size}
        )
        loaded = self._load([row["id"] for row in found])
        return sorted(loaded, key=lambda each: each.network)

    def kinds_of(self, ids: Collection[OperationId]) -> Mapping[OperationId, OperationKind]:
        found = self._transaction.rows(OPERATIONS["kinds_of"], {"ids": list(ids)})
        return {OperationId(row["id"]): OperationKind(row["kind"]) for row in found}

    def causes_of(self, ids: Collection[OperationId]) -> Mapping[OperationId, Cause]:
        found = self._transaction.rows(OPERATIONS["causes_of"], {"ids": list(ids)})
        return {OperationId(row["id"]): _cause(row) for row in found}

    def in_flight(self, account: AccountId, network: NetworkId, besides: OperationId) -> int:
        parameters = {"account": account, "network": network, "besides": besides}
        row = self._transaction.row(OPERATIONS["in_flight"], parameters)
        return row["count"] if row else 0

    def count_accepted(self, since: datetime, until: datetime) -> int:
        row = self._transaction.row(OPERATIONS["count_accepted"], {"since": since, "until": until})
        return row["count"] if row else 0

    def _load(self, ids: Sequence[UUID], *first: LiteralString) -> Sequence[Deployment]:
        """Newest first; *first* goes before the reading, in the same round trip."""
        found = self._rows(ids, *first)
        attempts = [row for row in found if row["attempt_number"] is not None]
        missing = []
        for row in attempts:
            row["signed"] = self._signed.get(key_from_row(row))
            if row["signed"] is None:
                missing.append(row)
        if missing:
            self._read_signed(missing)
        return rows.deployments_from_rows(found)

    def _outlines(self, ids: Sequence[UUID]) -> Sequence[Deployment]:
        found = self._rows(ids)
        for row in found:
            row["signed"] = NOTHING
        return rows.deployments_from_rows(found)

    def _listed(self, found: Sequence[DictRow]) -> Iterator[Deployment]:
        """In the order of *found*: ids, and the versions that they had a moment ago."""
        organisation = self._transaction.scope.organisation
        if organisation is None:
            # Nobody's scope finds none.
            return iter(())
        known = {
            row["id"]: self._outlined.get((organisation, row["id"]), row["version"])
            for row in found
        }
        if missing := [id for id, deployment in known.items() if deployment is None]:
            told = self._rows(missing)
            versions = {row["id"]: row["version"] for row in told}
            for row in told:
                row["signed"] = NOTHING
            for deployment in rows.deployments_from_rows(told):
                known[deployment.id] = deployment
                self._outlined.put(versions[deployment.id], deployment)
        return (each for each in known.values() if each is not None)

    def _rows(self, ids: Sequence[UUID], *first: LiteralString) -> Sequence[DictRow]:
        # Written once for all of them.
        parameters = {"ids": f"{{{','.join(map(str, ids))}}}"}
        queries = [*first, OPERATIONS["select_deployments"]]
        *_, found = self._transaction.batch([(query, parameters) for query in queries])
        return found.fetchall()

    def _read_signed(self, attempts: Sequence[DictRow]) -> None:
        """What was signed never changes: it may be read after the rest."""
        asked = {
            "operations": [row["id"] for row in attempts],
            "steps": [row["step_number"] for row in attempts],
            "numbers": [row["attempt_number"] for row in attempts],
        }
        told = self._transaction.rows(OPERATIONS["select_signed"], asked)
        for row, each in zip(attempts, told, strict=True):
            row["signed"] = SignedBytes(raw=each["raw"], body=each["body"])
            self._signed.put(key_from_row(row), row["signed"])

    def _keep(self, before: Deployment | None, after: Deployment) -> None:
        """What *after* has signed since *before*."""
        known = {(step, each.number) for step, each in _attempts(before)}
        for step, each in _attempts(after):
            if (step, each.number) not in known:
                key = key_of(after.organisation, after.id, step, each)
                self._signed.put(key, SignedBytes(raw=each.raw, body=each.body))


@frozen
class PostgresClaims(Claims):
    _transaction: Transaction

    def take(
        self,
        now: datetime,
        limit: int,
        lease: timedelta,
        worker: UUID,
        *,
        queued_first: bool = False,
        full: Collection[NetworkId] = (),
    ) -> list[Claim]:
        self._transaction.enter_any(Lock.OPERATION)
        parameters = {
            "now": now,
            "limit": limit,
            "lease": lease,
            "worker": worker,
            "queued_first": queued_first,
            "full": sorted(full),
        }
        return [
            Claim(
                organisation=row["organisation_id"],
                operation=row["operation_id"],
                token=row["token"],
                cause=_cause(row),
            )
            for row in self._transaction.rows(OPERATIONS["claim"], parameters)
        ]

    def renew(self, claims: list[Claim], lease: timedelta) -> list[Claim]:
        self._transaction.enter_any(Lock.OPERATION)
        held = self._transaction.rows(
            OPERATIONS["prolong"],
            {
                "organisations": [claim.organisation for claim in claims],
                "operations": [claim.operation for claim in claims],
                "tokens": [claim.token for claim in claims],
                "lease": lease,
            },
        )
        tokens = {row["token"] for row in held}
        return [claim for claim in claims if claim.token in tokens]

    def give_back(self, claims: list[Claim]) -> None:
        self.renew(claims, timedelta(0))

    def next_due(self, now: datetime) -> datetime | None:  # noqa: ARG002 - leases use our clock
        row = self._transaction.row(OPERATIONS["next_due"])
        return row["due_at"] if row else None


def _cause(row: Mapping[str, Any]) -> Cause:
    trace = row["traceparent"]
    return Cause(request_id=row["request_id"], trace=trace and TraceContext.parse(trace))


def _due(deployment: Deployment, due_at: datetime) -> datetime | None:
    return due_at if deployment.state.is_open else None


def _unbegun(step: Step) -> Step:
    return Step(number=step.number, name=step.name)


def _changes(before: Deployment, after: Deployment) -> Iterator[Statement]:
    """What to write so that the steps of *before* become those of *after*; parents first."""
    known = {step.number: step for step in before.steps}
    for step in after.steps:
        old = known.get(step.number)
        if old == step:
            continue
        if old is None or evolve(old, slots=()) != evolve(step, slots=()):
            yield OPERATIONS["upsert_step"], rows.step_to_row(after, step)
        yield from _slot_changes(after, old, step)


def _slot_changes(after: Deployment, old: Step | None, step: Step) -> Iterator[Statement]:
    known = {slot.number: slot for slot in old.slots} if old else {}
    for slot in step.slots:
        before = known.get(slot.number)
        if before == slot:
            continue
        yield OPERATIONS["upsert_slot"], rows.slot_to_row(after, step, slot)
        signed = {attempt.number: attempt for attempt in before.attempts} if before else {}
        for attempt in slot.attempts:
            if signed.get(attempt.number) != attempt:
                what = "update_attempt" if attempt.number in signed else "insert_attempt"
                yield OPERATIONS[what], rows.attempt_to_row(after, step, slot, attempt)


def _attempts(deployment: Deployment | None) -> Iterator[tuple[int, Attempt]]:
    """With the numbers of their steps."""
    for step in deployment.steps if deployment is not None else ():
        for attempt in step.attempts:
            yield step.number, attempt
