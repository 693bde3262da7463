"""Several nodes as one: which of them is asked, and how many must agree.

- An *inquiry*, all the questions behind one answer, is put to one node from beginning to end, so
  that a number learned from one node is never judged by what another one has not seen yet.
- Healthy nodes come first, in their configured order; then those that are behind; then those that
  failed and have rested; last those of another chain.
- What is final needs `Network.min_sources` nodes that agree (see `verdicts`); so does how far the
  chain is, and whatever else is remembered of it.
- A node of another chain halts the network: asked by an inquiry it is told at once, and `head`,
  which whoever watches the network asks, looks at all nodes every few seconds.
- Nothing is tried twice here, and nothing waits: when to ask again is the application's business.

Threads share a pool.  What is known of the nodes is kept under one lock, which is never held while
a node is asked.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from attrs import field, frozen

from adapters.pool.breaker import LONGEST_PAUSE_SECONDS, Turn
from adapters.pool.member import Member
from adapters.pool.submissions import is_answer, taken, together
from adapters.pool.verdicts import (
    BlockRule,
    DifferenceRule,
    EffectRule,
    Failures,
    OutcomeRule,
    Rule,
    SignerRule,
    StateRule,
    TermsRule,
    too_few,
)
from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    Forecast,
    Head,
    SignerChainState,
    WrongChainError,
)
from application.ports.nodes import Endpoint, NodePool, NodeReport
from domain.errors import Refusal
from domain.network import Block, Network
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Intent,
    NoEffect,
    Outcome,
    Party,
    Postponed,
    SignedTransaction,
    Slot,
    SlotTerms,
    StepOutline,
    Submission,
)
from domain.signing import Curve, PublicKey, Signature
from domain.token import (
    Action,
    Document,
    KindDescription,
    Order,
    Token,
    TokenKind,
    TokenState,
)

T = TypeVar("T")

#: How often a node is asked for its newest block.
LOOK_EVERY_SECONDS = 5.0
#: How many blocks a node may have less than the best one and still be asked first.
BEHIND_BLOCKS = 5
#: Older news of a node's newest block are no measure for the others.
RECENT_SECONDS = 30.0
#: No pause is longer while too few nodes are left: an operation must move within ten seconds after
#: its node is back, and it may be looked at only every five.
PAUSE_WHEN_NEEDED_SECONDS = 5.0


@frozen(eq=False)
class Pool(Chain, NodePool):
    network: Network
    _members: tuple[Member, ...]
    _seconds: Callable[[], float] = field(repr=False)
    _lock: Lock = field(repr=False)

    @classmethod
    def of(
        cls,
        network: Network,
        members: Sequence[tuple[Endpoint, Chain]],
        seconds: Callable[[], float],
    ) -> "Pool":
        if not members:
            raise ValueError(f"{network.id} has no node")
        if len({endpoint.place for endpoint, _ in members}) < len(members):
            raise ValueError(f"{network.id} has the same node twice: it would agree with itself")
        if network.min_sources > len(members):
            msg = (
                f"{network.id} wants {network.min_sources} nodes to agree, and has {len(members)}"
            )
            raise ValueError(msg)
        lock = Lock()
        made = tuple(Member(endpoint, chain, seconds, lock) for endpoint, chain in members)
        return cls(network, made, seconds, lock)

    # The nodes.

    def report(self) -> tuple[NodeReport, ...]:
        self._look(self._due())
        with self._lock:
            return tuple(member.report for member in self._members)

    # What asks nobody.

    @property
    def curve(self) -> Curve:
        return self._any.curve

    def kinds(self) -> tuple[KindDescription, ...]:
        return self._any.kinds()

    def token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
        return self._any.token(kind, parameters)

    def stored_token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token:
        return self._any.stored_token(kind, parameters)

    def document_of(self, token: Token) -> Document | None:
        return self._any.document_of(token)

    def address(self, key: PublicKey) -> str:
        return self._any.address(key)

    def order(
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal:
        return self._any.order(token, action, parameters)

    def handing_over(self, token: Token, to: str) -> Order | None:
        return self._any.handing_over(token, to)

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:
        return self._any.steps(token, order)

    def planned(self, intent: Intent) -> TokenState:
        return self._any.planned(intent)

    def groundwork(self) -> Token | None:
        return self._any.groundwork()

    def predicted(self, intent: Intent) -> str | None:
        return self._any.predicted(intent)

    def allowance(self, intent: Intent) -> int:
        return self._any.allowance(intent)

    def longest_message(self, intent: Intent, party: Party) -> int:
        return self._any.longest_message(intent, party)

    def assemble(
        self, draft: Draft, signatures: Sequence[tuple[PublicKey, Signature]]
    ) -> SignedTransaction:
        return self._any.assemble(draft, signatures)

    # What one node may say.

    def plan(self, intent: Intent) -> Forecast | Refusal:
        return self._first(lambda chain: chain.plan(intent))

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        return self._first(lambda chain: chain.preflight(intent, fee_ceiling))

    def prepare(
        self,
        intent: Intent,
        slot: Slot,
        role: AttemptRole,
        fee_ceiling: int,
        replacing: Sequence[Attempt] = (),
    ) -> Draft | Postponed:
        return self._first(lambda chain: chain.prepare(intent, slot, role, fee_ceiling, replacing))

    # What several must say.

    def head(self) -> Head:
        """The newest block that anybody has, and the newest one that enough nodes call final.

        Raises:
            WrongChainError: also where it is one of the others that belongs to another chain.
        """
        needed = self.network.min_sources
        heads, failures = self._one_head() if needed == 1 else self._heads()
        self._refuse_strangers()
        if len(heads) < needed:
            raise failures.error(too_few("a final block", len(heads), needed) if heads else "")
        heads.sort(key=lambda head: head.final.number, reverse=True)
        final = heads[needed - 1].final
        if sum(head.final == final for head in heads) < needed:
            # As many are as far; what block it is, one of them says so far.
            final = self._backed(final.number)
        latest = max((head.latest for head in heads), key=lambda block: block.number)
        return Head(latest=latest, final=final)

    def slot_terms(self, intent: Intent) -> SlotTerms | Postponed:
        rule = TermsRule(self.network.min_sources)
        return self._judged(lambda chain: chain.slot_terms(intent), rule)

    def block_at(self, number: int) -> Block | None:
        rule = BlockRule(self.network.min_sources)
        return self._judged(lambda chain: chain.block_at(number), rule)

    def outcome(self, slot: Slot) -> Outcome:
        rule = OutcomeRule(self.network.min_sources)
        return self._judged(lambda chain: chain.outcome(slot), rule)

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        rule = EffectRule(self.network.min_sources)
        return self._judged(lambda chain: chain.effect_of(intent), rule)

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        rule = DifferenceRule(self.network.min_sources)
        return self._judged(lambda chain: chain.read_back(intent, token), rule)

    def signer_state(self, address: str) -> SignerChainState:
        rule = SignerRule(self.network.min_sources)
        return self._judged(lambda chain: chain.signer_state(address), rule)

    def state(self, token: Token, place: str) -> TokenState | None:
        rule = StateRule(self.network.min_sources)
        return self._judged(lambda chain: chain.state(token, place), rule)

    # What all are told.

    def submit(self, transaction: SignedTransaction) -> Submission:
        """Hand *transaction* to one node after the other, until one has it.

        Where none has, the answers are taken together (see `submissions`).

        Raises:
            WrongChainError: a node belongs to another chain, and no other one took the bytes.
                Where one did, that is what counts here; the network is halted by `head`.
        """
        answers: list[Submission] = []
        failures, stranger = Failures(), None
        for member, turn in self._turns(failures):
            try:
                answer = member.put(lambda chain: chain.submit(transaction), turn, is_answer)
            except WrongChainError as error:
                stranger = stranger or error
            except ChainUnavailableError as error:
                failures.note(error)
            else:
                if taken(answer):
                    return answer
                answers.append(answer)
        if stranger is not None:
            raise stranger
        return together(answers, failures)

    # How they are asked.

    @property
    def _any(self) -> Chain:
        return self._members[0].chain

    def _first(self, question: Callable[[Chain], T]) -> T:
        """What the first node that can says to *question*.

        Raises:
            ChainUnavailableError: none of them could.
            HistoryUnavailableError: none of them could, and one for want of old blocks.
            WrongChainError: one that was asked belongs to another chain.
        """
        failures = Failures()
        for answer in self._answers(question, failures):
            return answer
        raise failures.error()

    def _judged(self, question: Callable[[Chain], T], rule: Rule[T]) -> T:
        """What the nodes say together.  All are asked until enough agree.

        Raises: as `_first`; also where too few agree.
        """
        answers: list[T] = []
        failures = Failures()
        for answer in self._answers(question, failures):
            answers.append(answer)
            verdict = rule.agreed(answers)
            if verdict is not None:
                return verdict
        return rule.left(answers, failures)

    def _answers(self, question: Callable[[Chain], T], failures: Failures) -> Iterator[T]:
        for member, turn in self._turns(failures):
            try:
                answer = member.put(question, turn)
            except ChainUnavailableError as error:
                failures.note(error)
            else:
                yield answer

    def _turns(self, failures: Failures) -> Iterator[tuple[Member, Turn]]:
        """The nodes that may be asked, best first; each must be asked when it comes.

        Where all of them rest, the one that has rested longest is tried early, once in its pause.
        """
        with self._lock:
            order = sorted(self._members, key=lambda member: member.rank)
        is_anybody_up = False
        for member in order:
            with self._lock:
                turn = member.breaker.admit(self._seconds(), self._longest_pause)
            if turn is not None:
                is_anybody_up = True
                yield member, turn
        if is_anybody_up:
            return
        yield from self._early(failures)

    def _early(self, failures: Failures) -> list[tuple[Member, Turn]]:
        """The one of all resting nodes that may be tried early; where there is none, why."""
        with self._lock:
            now, longest = self._seconds(), self._longest_pause
            rests = {member: member.breaker.rests(now, longest) for member in self._members}
            for member in sorted(rests, key=lambda member: rests[member]):
                turn = member.breaker.admit_early(now)
                if turn is not None:
                    return [(member, turn)]
        seconds = math.ceil(min(rests.values()))
        failures.silent.append(f"every node of {self.network.id} is resting for {seconds} s")
        return []

    @property
    def _longest_pause(self) -> float:
        """In seconds."""
        usable = sum(m.breaker.is_closed and m.wrong is None for m in self._members)
        is_needed = usable < self.network.min_sources
        return PAUSE_WHEN_NEEDED_SECONDS if is_needed else LONGEST_PAUSE_SECONDS

    # How they are.

    def _one_head(self) -> tuple[list[Head], Failures]:
        """What the first node says that can; the others are looked at now and then."""
        failures = Failures()
        for member, turn in self._turns(failures):
            try:
                head = member.ask_head(turn)
            except ChainUnavailableError as error:
                failures.note(error)
                continue
            self._look(self._due(), member)
            return [head], failures
        return [], failures

    def _heads(self) -> tuple[list[Head], Failures]:
        """What all say that can; what a node said a few seconds ago is not asked again."""
        failures, oldest = Failures(), self._seconds() - LOOK_EVERY_SECONDS
        turns = self._due(heard_since=oldest)
        with self._lock:
            is_anybody_up = any(member.breaker.is_closed for member in self._members)
        if not turns and not is_anybody_up:
            turns = self._early(failures)
        for error in self._look(turns):
            failures.note(error)
        with self._lock:
            heads = [m.head for m in self._members if m.head and m.heard_at > oldest]
        return heads, failures

    def _backed(self, number: int) -> Block:
        block = self.block_at(number)
        if block is None:
            raise ChainUnavailableError(f"block {number} was final, and is not there any more")
        return block

    def _due(self, heard_since: float = -math.inf) -> list[tuple[Member, Turn]]:
        """Those to be asked for their newest block: not asked for some seconds, or not heard."""
        now = self._seconds()
        with self._lock:
            due = [
                (member, turn)
                for member in self._members
                if now - member.looked_at >= LOOK_EVERY_SECONDS or member.heard_at < heard_since
                if (turn := member.breaker.admit(now, self._longest_pause))
            ]
            for member, _ in due:
                member.looked_at = now
        return due

    def _look(
        self, turns: Sequence[tuple[Member, Turn]], *just_asked: Member
    ) -> list[ChainUnavailableError]:
        """Ask for their newest block, all at once; why some of them have not said it."""
        with ThreadPoolExecutor(max(1, len(turns)), thread_name_prefix="look") as threads:
            errors = list(threads.map(lambda each: _look_at(*each), turns))
        with self._lock:
            for member in (*just_asked, *(member for member, _ in turns)):
                self._compare(member)
        return [error for error in errors if error is not None]

    def _compare(self, member: Member) -> None:
        """Whether it is behind what as many others have as must agree: one alone may lie."""
        oldest = self._seconds() - RECENT_SECONDS
        recent = [m.latest.number for m in self._members if m.latest and m.heard_at >= oldest]
        has_answered = member.heard_at >= member.looked_at
        if recent and has_answered and member.latest is not None:
            best = sorted(recent, reverse=True)[: self.network.min_sources]
            member.is_behind = best[-1] - member.latest.number > BEHIND_BLOCKS

    def _refuse_strangers(self) -> None:
        with self._lock:
            wrong = next((m.wrong for m in self._members if m.wrong is not None), None)
        if wrong is not None:
            raise WrongChainError(wrong)


def _look_at(member: Member, turn: Turn) -> ChainUnavailableError | None:
    try:
        member.ask_head(turn)
    except ChainUnavailableError as error:
        return error
    except WrongChainError:
        """Its condition has it."""
    return None
