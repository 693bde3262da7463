"""Random histories against models of two dictionaries: G1, G5 and G9 after every call.

The models say what may happen; they share no rule with the contracts.
"""

import os
from collections import Counter

import pytest
from algopy_testing import algopy_testing_context
from chain import ALICE, BOB, CONTROLLER, OWNER, ZERO, Chain, RefusedError, operation
from house import LOCKED, SERIES, part, partitions, unborn
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from adapters.algorand.standards.arc200.contract_mintable import TallystickMintable

CAP = 40
PEOPLE = [OWNER, ALICE, BOB, CONTROLLER]
PARTITIONS = [ZERO, SERIES, LOCKED]

people = st.sampled_from(PEOPLE)
receivers = st.sampled_from([*PEOPLE, ZERO])
slices = st.sampled_from(PARTITIONS)
amounts = st.integers(0, 12)
operations = st.integers(0, 6).map(operation)


class History(RuleBasedStateMachine):
    """Calls that the model foretells: answered where it says so, else refused without a trace."""

    def __init__(self):
        super().__init__()
        self.ledger = algopy_testing_context()
        self.token = self.born(self.ledger.__enter__())
        self.consumed = {}
        self.paused = False
        self.allowed = Counter()

    def teardown(self):
        self.ledger.__exit__(None, None, None)

    def call(self, foretold, method, *arguments, sender=OWNER):
        """Whether the call happened, which is whether it was foretold."""
        boxes = self.token.boxes
        if not foretold:
            with pytest.raises(RefusedError):
                self.token(method, *arguments, sender=sender)
            assert self.token.boxes == boxes
            return False
        self.token(method, *arguments, sender=sender)
        return True

    def operate(self, foretold, method, operation_id, *arguments, sender):
        """A call that consumes an operation id, by the owner alone and once."""
        foretold = foretold and sender == OWNER and operation_id not in self.consumed
        happened = self.call(foretold, method, operation_id, *arguments, sender=sender)
        if happened:
            self.consumed[operation_id] = self.token.round - 1
        return happened

    @rule(id_=operations, sender=people)
    def pause(self, id_, sender):
        if self.operate(not self.paused, "pause", id_, sender=sender):
            self.paused = True

    @rule(id_=operations, sender=people)
    def unpause(self, id_, sender):
        if self.operate(self.paused, "unpause", id_, sender=sender):
            self.paused = False

    @rule(holder=people, spender=people, amount=amounts)
    def approve(self, holder, spender, amount):
        self.call(True, "arc200_approve", spender, amount, sender=holder)
        self.allowed[holder, spender] = amount

    @rule(id_=operations)
    def bootstrap_again(self, id_):
        self.call(False, "bootstrap", id_, 1, OWNER)

    @rule(id_=operations)
    def ask_whether_consumed(self, id_):
        assert self.token("is_consumed", id_) == self.consumed.get(id_, 0)

    @invariant()
    def operations_are_consumed_once(self):
        """G9."""
        boxes = self.token.boxes.items()
        found = {name[1:]: int.from_bytes(at, "big") for name, at in boxes if name[:1] == b"o"}
        assert found == self.consumed

    @rule(holder=people, spender=people)
    def ask_what_is_allowed(self, holder, spender):
        left = self.token("arc200_allowance", holder, spender)
        assert left == self.allowed[holder, spender]


class MintableHistory(History):
    @staticmethod
    def born(context):
        return Chain(context, TallystickMintable, bytes(32), bytes(8), 0, CAP)

    @initialize(supply=amounts, holder=people)
    def bootstrap(self, supply, holder):
        self.held = Counter({holder: supply})
        assert self.operate(True, "bootstrap", operation(0), supply, holder, sender=OWNER)

    @rule(id_=operations, to=receivers, amount=amounts, sender=people)
    def mint(self, id_, to, amount, sender):
        fits = self.held.total() + amount <= CAP and to != ZERO and not self.paused
        if self.operate(fits, "mint", id_, to, amount, sender=sender):
            self.held[to] += amount

    @rule(id_=operations, amount=amounts, sender=people)
    def burn(self, id_, amount, sender):
        fits = self.held[OWNER] >= amount and not self.paused
        if self.operate(fits, "burn", id_, amount, sender=sender):
            self.held[OWNER] -= amount

    @rule(sender=people, to=receivers, amount=amounts)
    def transfer(self, sender, to, amount):
        fits = self.held[sender] >= amount and to != ZERO and not self.paused
        if self.call(fits, "arc200_transfer", to, amount, sender=sender):
            self.held[sender] -= amount
            self.held[to] += amount

    @rule(holder=people, to=receivers, amount=amounts, spender=people)
    def transfer_from(self, holder, to, amount, spender):
        fits = self.held[holder] >= amount and to != ZERO and not self.paused
        fits = fits and self.allowed[holder, spender] >= amount
        if self.call(fits, "arc200_transfer_from", holder, to, amount, sender=spender):
            self.allowed[holder, spender] -= amount
            self.held[holder] -= amount
            self.held[to] += amount

    @invariant()
    def balances_sum_up(self):
        """G1 and G5: whoever never held anything has 0."""
        balances = [self.token("arc200_balance_of", holder) for holder in [*PEOPLE, ZERO]]
        assert balances == [self.held[holder] for holder in [*PEOPLE, ZERO]]
        assert self.token("arc200_total_supply") == sum(balances) <= CAP


class SecurityHistory(History):
    """`held` has a key for every partition that a holder ever had, as its list has."""

    @staticmethod
    def born(context):
        return unborn(context)

    @initialize(supply=amounts, holder=people)
    def bootstrap(self, supply, holder):
        self.held = Counter({(holder, ZERO): supply})
        self.portions = Counter()
        assert self.operate(True, "bootstrap", operation(0), supply, holder, sender=OWNER)

    def movable(self, holder, partition, amount):
        known = (holder, partition) in self.held
        return known and self.held[holder, partition] >= amount and not self.paused

    def moved(self, holder, partition, to, amount):
        self.held[holder, partition] -= amount
        if to != ZERO:
            self.held[to, partition] += amount

    @rule(id_=operations, to=receivers, partition=slices, amount=amounts, sender=people)
    def issue_once(self, id_, to, partition, amount, sender):
        fits = to != ZERO and not self.paused
        if self.operate(fits, "issue_once", id_, to, partition, amount, b"", sender=sender):
            self.held[to, partition] += amount

    @rule(to=receivers, partition=slices, amount=amounts, sender=people)
    def issue(self, to, partition, amount, sender):
        fits = sender == OWNER and to != ZERO and not self.paused
        call = ("arc1410_issue_by_partition", to, partition, amount, b"")
        if partition == ZERO:
            call = ("arc1594_issue", to, amount, b"")
        if self.call(fits, *call, sender=sender):
            self.held[to, partition] += amount

    @rule(id_=operations, partition=slices, amount=amounts, sender=people)
    def redeem_once(self, id_, partition, amount, sender):
        fits = self.movable(OWNER, partition, amount)
        if self.operate(fits, "redeem_once", id_, partition, amount, b"", sender=sender):
            self.moved(OWNER, partition, ZERO, amount)

    @rule(holder=people, partition=slices, amount=amounts)
    def redeem(self, holder, partition, amount):
        call = ("arc1410_redeem_by_partition", partition, amount, b"")
        if partition == ZERO:
            call = ("arc1594_redeem", amount, b"")
        if self.call(self.movable(holder, partition, amount), *call, sender=holder):
            self.moved(holder, partition, ZERO, amount)

    @rule(holder=people, amount=amounts, spender=people)
    def redeem_from(self, holder, amount, spender):
        fits = self.movable(holder, ZERO, amount) and self.allowed[holder, spender] >= amount
        if self.call(fits, "arc1594_redeem_from", holder, amount, b"", sender=spender):
            self.allowed[holder, spender] -= amount
            self.moved(holder, ZERO, ZERO, amount)

    @rule(holder=people, partition=slices, to=receivers, amount=amounts)
    def transfer(self, holder, partition, to, amount):
        fits = self.movable(holder, partition, amount) and to != ZERO
        call = ("arc1410_transfer_by_partition", partition, to, amount, b"")
        if partition == ZERO:
            call = ("arc200_transfer", to, amount)
        if self.call(fits, *call, sender=holder):
            self.moved(holder, partition, to, amount)

    @rule(holder=people, to=receivers, amount=amounts, spender=people, data=st.booleans())
    def transfer_from(self, holder, to, amount, spender, data):
        fits = self.movable(holder, ZERO, amount) and to != ZERO
        fits = fits and self.allowed[holder, spender] >= amount
        call = ("arc200_transfer_from", holder, to, amount)
        if data:
            call = ("arc1594_transfer_from_with_data", holder, to, amount, b"")
        if self.call(fits, *call, sender=spender):
            self.allowed[holder, spender] -= amount
            self.moved(holder, ZERO, to, amount)

    @rule(holder=people, operator=people, partition=slices, amount=amounts)
    def authorise(self, holder, operator, partition, amount):
        call = ("arc1410_authorize_operator_by_portion", holder, operator, partition, amount)
        self.call(True, *call, sender=holder)
        self.portions[holder, operator, partition] = amount

    @rule(holder=people, partition=slices, to=receivers, amount=amounts, operator=people)
    def operate_on(self, holder, partition, to, amount, operator):
        """A redemption where the receiver is nobody; the controller needs no portion."""
        portion = self.portions[holder, operator, partition]
        counted = operator not in (holder, CONTROLLER)
        fits = self.movable(holder, partition, amount) and (not counted or portion >= amount)
        call = ("arc1410_operator_transfer_by_partition", holder, partition, to, amount, b"")
        if to == ZERO:
            call = ("arc1410_operator_redeem_by_partition", holder, partition, amount, b"")
        if self.call(fits, *call, sender=operator):
            self.moved(holder, partition, to, amount)
            if counted:
                self.portions[holder, operator, partition] -= amount

    @rule(holder=people, to=receivers, amount=amounts, sender=people)
    def control(self, holder, to, amount, sender):
        fits = self.movable(holder, ZERO, amount) and sender == CONTROLLER
        call = ("arc1644_controller_transfer", holder, to, amount, b"", b"")
        if to == ZERO:
            call = ("arc1644_controller_redeem", holder, amount, b"")
        if self.call(fits, *call, sender=sender):
            self.moved(holder, ZERO, to, amount)

    @invariant()
    def partitions_sum_up_to_balances_and_balances_to_the_supply(self):
        """G1 and G5."""
        balances = []
        for holder in PEOPLE:
            parts = [part(self.token, holder, each) for each in PARTITIONS]
            assert parts == [self.held[holder, each] for each in PARTITIONS]
            balances.append(self.token("arc200_balance_of", holder))
            assert balances[-1] == sum(parts)
            known = [each for each in PARTITIONS if (holder, each) in self.held]
            assert sorted(partitions(self.token, holder)) == sorted(known)
        assert self.token("arc200_total_supply") == sum(balances)


PROVING = os.environ.get("TALLYSTICK_PROVE") == "1"

MintableTest = MintableHistory.TestCase
SecurityTest = SecurityHistory.TestCase
MintableTest.settings = SecurityTest.settings = settings(
    deadline=None,
    print_blob=True,
    max_examples=300 if PROVING else 20,
    stateful_step_count=40,
)
