"""When the answers of several nodes are one verdict.

A *source* is a node that backs a verdict.  A rule looks at the answers so far, in the order in
which they came, and says

- `agreed`: the verdict that enough sources back; None while more nodes must be asked;
- `left`: what is to be said when nobody is left to ask.  It is never final.  Where too few have
  seen something, and others lack the blocks to see it, that is told: waiting brings none back.

That something *is* there needs enough sources that say the same.  That something is *not* there
(`SlotLost`, `Expired`, `NoEffect`) needs as many, and nobody among those that were asked who has
seen it.

Two rules are about no verdict: which block has a number (`BlockRule`), and which window a slot
would be (`TermsRule`).  A node that has no answer to them is no source, and no objection.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Protocol, TypeVar

from attrs import define, evolve, field, frozen

from application.ports.chain import (
    ChainUnavailableError,
    HistoryUnavailableError,
    SignerChainState,
)
from domain.network import Block
from domain.operation import (
    Effect,
    Expired,
    Final,
    Included,
    InPool,
    LeaseWindow,
    NoEffect,
    NotSeen,
    Outcome,
    Postponed,
    SlotLost,
    SlotTerms,
)
from domain.token import TokenState

T = TypeVar("T")


@define
class Failures:
    """Why nodes that were asked gave no answer."""

    silent: list[str] = field(factory=list)
    without_history: list[str] = field(factory=list)

    def note(self, error: ChainUnavailableError) -> None:
        lacks = isinstance(error, HistoryUnavailableError)
        (self.without_history if lacks else self.silent).append(str(error))

    def error(self, finding: str = "") -> ChainUnavailableError:
        """What to raise where the answers are not enough."""
        told = "; ".join(part for part in (finding, *self.without_history, *self.silent) if part)
        return (
            HistoryUnavailableError(told) if self.without_history else ChainUnavailableError(told)
        )


class Rule(Protocol[T]):
    def agreed(self, answers: Sequence[T]) -> T | None: ...

    def left(self, answers: Sequence[T], failures: Failures) -> T:
        """Raises: ChainUnavailableError, HistoryUnavailableError."""
        ...


@frozen
class OutcomeRule(Rule[Outcome]):
    #: How many sources a verdict needs.
    needed: int

    def agreed(self, answers: Sequence[Outcome]) -> Outcome | None:
        finals = [answer for answer in answers if isinstance(answer, Final)]
        for final in finals:
            if sum(_same(final) == _same(other) for other in finals) >= self.needed:
                return final
        return self._over(answers)

    def left(self, answers: Sequence[Outcome], failures: Failures) -> Outcome:
        """The furthest that anybody has seen an attempt, which is not final yet."""
        finals = [answer for answer in answers if isinstance(answer, Final)]
        if len({_same(final) for final in finals}) > 1:
            raise failures.error(f"sources contradict each other: {_listed(finals)}")
        seen = [answer for answer in answers if isinstance(answer, Final | Included | InPool)]
        if failures.without_history and 0 < len(seen) < self.needed:
            raise failures.error(too_few(_described(seen[0]), len(seen), self.needed))
        if finals:
            return Included(finals[0].inclusion)
        for kind in (Included, InPool):
            for answer in answers:
                if isinstance(answer, kind):
                    return answer
        over = [answer for answer in answers if isinstance(answer, SlotLost | Expired)]
        kinds = sorted({type(answer).__name__ for answer in over})
        if len(kinds) > 1:
            raise failures.error(f"sources contradict each other: {' and '.join(kinds)}")
        if over or failures.without_history:
            told = kinds[0] if kinds else "the slot is over"
            raise failures.error(too_few(told, len(over), self.needed))
        if answers:
            return NotSeen()
        raise failures.error()

    def _over(self, answers: Sequence[Outcome]) -> Outcome | None:
        """A slot that ended without an attempt.

        Who has not seen one, and does not know of the end either, is behind: no source, and no
        objection.
        """
        if any(isinstance(answer, Final | Included | InPool) for answer in answers):
            return None
        lost = [answer for answer in answers if isinstance(answer, SlotLost)]
        expired = [answer for answer in answers if isinstance(answer, Expired)]
        if lost and expired:
            return None
        over: Sequence[SlotLost | Expired] = lost or expired
        if len(over) < self.needed:
            return None
        return min(over, key=lambda answer: answer.at.number)


@frozen
class EffectRule(Rule[Effect | NoEffect]):
    #: How many sources a verdict needs.
    needed: int

    def agreed(self, answers: Sequence[Effect | NoEffect]) -> Effect | NoEffect | None:
        effects = [answer for answer in answers if isinstance(answer, Effect)]
        finals = [effect for effect in effects if effect.is_final]
        for final in finals:
            if sum(_named(final) == _named(other) for other in finals) >= self.needed:
                return final
        absent = [answer for answer in answers if isinstance(answer, NoEffect)]
        lasting = [answer for answer in absent if answer.is_lasting]
        if effects or len(lasting) < self.needed:
            return None
        # Absent there for all of them: what is on chain stays there.
        return _lowest(lasting)

    def left(self, answers: Sequence[Effect | NoEffect], failures: Failures) -> Effect | NoEffect:
        """An effect that somebody has seen, which is not final yet; or absence that may end."""
        absent = [answer for answer in answers if isinstance(answer, NoEffect)]
        effects = [answer for answer in answers if isinstance(answer, Effect)]
        if not effects and len(absent) >= self.needed:
            return evolve(_lowest(absent), is_lasting=False)
        if not effects:
            told = too_few("NoEffect", len(absent), self.needed) if absent else ""
            raise failures.error(told)
        effect = effects[0]
        for nothing in absent:
            if nothing.at.number >= effect.block.number:
                raise failures.error(
                    f"sources contradict each other: {effect.token} is there since block "
                    f"{effect.block.number}, and is not there at block {nothing.at.number}"
                )
        most = max(Counter(map(_named, effects)).values())
        if failures.without_history and most < self.needed:
            told = f"{effect.token} is there since block {effect.block.number}"
            raise failures.error(too_few(told, most, self.needed))
        return evolve(effect, is_final=False)


@frozen
class DifferenceRule(Rule[tuple[str, ...]]):
    """What differs from the plan.

    That nothing does, one source may say: enough of them have said already that the token is
    there, final.  That something does ends the deployment as failed and paid.
    """

    #: How many sources a verdict needs.
    needed: int

    def agreed(self, answers: Sequence[tuple[str, ...]]) -> tuple[str, ...] | None:
        if () in answers:
            return ()
        for answer in answers:
            if answers.count(answer) >= self.needed:
                return answer
        return None

    def left(self, answers: Sequence[tuple[str, ...]], failures: Failures) -> tuple[str, ...]:
        if not answers:
            raise failures.error()
        most = max(answers.count(answer) for answer in answers)
        told = too_few("; ".join(answers[0]), most, self.needed)
        raise failures.error(told)


@frozen
class SignerRule(Rule[SignerChainState]):
    """An address as enough sources see it: no richer, and no further, than the least of them says.

    Too low a nonce is noticed, and halts its signer; one that is too high would be waited for.
    Who rules it is told where enough of them say the same.
    """

    #: How many sources an account of it needs.
    needed: int

    def agreed(self, answers: Sequence[SignerChainState]) -> SignerChainState | None:
        if len(answers) < self.needed:
            return None
        # Of three nodes one may be behind a rekey: the others outnumber it.
        (ruler, votes), *_ = Counter(answer.ruler for answer in answers).most_common(1)
        if votes < self.needed:
            return None
        return SignerChainState(
            balance=min(answer.balance for answer in answers),
            next_sequence=min(answer.next_sequence for answer in answers),
            ruler=ruler,
        )

    def left(self, answers: Sequence[SignerChainState], failures: Failures) -> SignerChainState:
        told = too_few("how far the signer is", len(answers), self.needed) if answers else ""
        raise failures.error(told)


@frozen
class StateRule(Rule[TokenState | None]):
    """What a token is like: equal but for the block in which each source has seen it."""

    #: How many sources an account of it needs.
    needed: int

    def agreed(self, answers: Sequence[TokenState | None]) -> TokenState | None:
        told = [answer for answer in answers if answer is not None]
        for each in told:
            same = [other for other in told if _timeless(each) == _timeless(other)]
            if len(same) >= self.needed:
                # Seen there by all of them: whoever is ahead of the others may yet be wrong.
                return min(same, key=lambda state: state.at.number if state.at else 0)
        return None

    def left(self, answers: Sequence[TokenState | None], failures: Failures) -> TokenState | None:
        """None where enough of them say that there is no such token, and nobody that there is."""
        told = [answer for answer in answers if answer is not None]
        if not answers:
            raise failures.error()
        if not told and len(answers) >= self.needed:
            return None
        most = max((sum(_timeless(e) == _timeless(o) for o in told) for e in told), default=0)
        raise failures.error(too_few("what the token is like", most, self.needed))


@frozen
class BlockRule(Rule[Block | None]):
    #: How many sources a block needs.
    needed: int

    def agreed(self, answers: Sequence[Block | None]) -> Block | None:
        blocks = [answer for answer in answers if answer is not None]
        return next((b for b in blocks if blocks.count(b) >= self.needed), None)

    def left(self, answers: Sequence[Block | None], failures: Failures) -> Block | None:
        """None where all say that the chain is not there yet."""
        blocks = list(dict.fromkeys(answer for answer in answers if answer is not None))
        if len(blocks) > 1:
            told = ", ".join(f"block {block.number} is {block.hash}" for block in blocks)
            raise failures.error(f"sources contradict each other: {told}")
        if blocks:
            told = f"block {blocks[0].number} is {blocks[0].hash}"
            raise failures.error(too_few(told, answers.count(blocks[0]), self.needed))
        if failures.without_history or failures.silent:
            raise failures.error()
        return None


@frozen
class TermsRule(Rule[SlotTerms | Postponed]):
    """What a slot would be.

    A window that one node makes up may be years away, and nothing is given back before it is over.
    A nonce is compared with our own line of them, and to wait does no harm: these one may say.
    """

    #: How many sources a window needs.
    needed: int

    def agreed(self, answers: Sequence[SlotTerms | Postponed]) -> SlotTerms | Postponed | None:
        if not isinstance(answers[0], LeaseWindow):
            return answers[0]
        windows = [answer for answer in answers if isinstance(answer, LeaseWindow)]
        return next((w for w in windows if windows.count(w) >= self.needed), None)

    def left(
        self, answers: Sequence[SlotTerms | Postponed], failures: Failures
    ) -> SlotTerms | Postponed:
        windows = [answer for answer in answers if isinstance(answer, LeaseWindow)]
        if not windows:
            raise failures.error()
        for answer in answers:
            if isinstance(answer, Postponed):
                return answer
        told = " and ".join(
            f"the slot is for blocks {first} to {last}"
            for first, last in dict.fromkeys((w.valid_from, w.valid_until) for w in windows)
        )
        raise failures.error(too_few(told, max(map(windows.count, windows)), self.needed))


def _timeless(state: TokenState) -> TokenState:
    return evolve(state, at=None)


def _same(final: Final) -> Hashable:
    seen = final.inclusion
    return seen.transaction_id, seen.block, seen.succeeded, final.token


def _named(effect: Effect) -> Hashable:
    return effect.token, effect.transaction_id


def _lowest(absent: Sequence[NoEffect]) -> NoEffect:
    return min(absent, key=lambda answer: answer.at.number)


def _listed(finals: Sequence[Final]) -> str:
    return ", ".join(map(_described, finals))


def _described(seen: Final | Included | InPool) -> str:
    if isinstance(seen, InPool):
        return f"{seen.transaction_id} is in a pool"
    found = seen.inclusion
    return (
        f"{found.transaction_id} {'succeeded' if found.succeeded else 'reverted'} in block "
        f"{found.block.number} ({found.block.hash})"
    )


def too_few(what: str, agreeing: int, needed: int) -> str:
    return f"{agreeing} of the {needed} sources that are needed agree: {what}"
