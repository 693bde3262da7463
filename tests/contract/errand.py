"""One operation on its way to a chain under contract, with what we remember of it."""

from datetime import UTC, datetime
from uuid import uuid4

from attrs import evolve, field, frozen

from application.ports.chain import Chain
from domain.identifiers import OperationId, OrganisationId
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Intent,
    NoEffect,
    Outcome,
    SignedTransaction,
    Slot,
    Verdict,
)
from domain.token import Token
from tests.contract.subjects import ASubjectChain

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TAKEN = {Verdict.ACCEPTED, Verdict.ALREADY_KNOWN}


@frozen
class Errand:
    subject: ASubjectChain
    intent: Intent
    slot: Slot
    transactions: tuple[SignedTransaction, ...] = field(default=())

    @property
    def chain(self) -> Chain:
        return self.subject.chain

    def attempted(
        self, role: AttemptRole = AttemptRole.EFFECT, *, is_replacing: bool = True
    ) -> "Errand":
        """One more signed attempt in the slot, not submitted yet."""
        replacing = self.slot.attempts if is_replacing and not self.slot.expires else ()
        draft = self.chain.prepare(
            self.intent, self.slot, role, self.subject.fee_ceiling, replacing
        )
        assert isinstance(draft, Draft)
        transaction = self.chain.assemble(draft, self.subject.sign(draft))
        attempt = Attempt(
            number=len(self.slot.attempts) + 1,
            role=role,
            transaction_id=transaction.id,
            raw=transaction.raw,
            body=draft.body,
            fee_cap=draft.fee_cap,
            signed_at=NOW,
        )
        return evolve(
            self,
            slot=self.slot.with_attempt(attempt),
            transactions=(*self.transactions, transaction),
        )

    def submitted(self, number: int = -1) -> Verdict:
        return self.chain.submit(self.transactions[number]).verdict

    def outcome(self) -> Outcome:
        return self.chain.outcome(self.slot)

    def effect(self) -> Effect | NoEffect:
        return self.chain.effect_of(self.intent)


def an_errand(subject: ASubjectChain, **changes: object) -> Errand:
    intent = evolve(
        Intent(
            organisation=OrganisationId(uuid4()),
            operation=OperationId(uuid4()),
            step=1,
            token=a_token(subject),
            owner=subject.owner,
            sender=subject.treasury,
        ),
        **changes,
    )
    return Errand(subject, intent, subject.slot(intent))


def a_token(subject: ASubjectChain, **changes: object) -> Token:
    token = subject.chain.token(subject.kind, {**subject.parameters, **changes})
    assert isinstance(token, Token)
    return token
