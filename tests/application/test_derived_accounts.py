"""Accounts that are derived from a passphrase of their founder's, and from no password."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.custody import MemoryPublicKeys
from adapters.memory.derivation import MemoryDerivation
from adapters.memory.passwords import MemoryPasswords
from application.access.caller import Caller
from application.access.own_password import CheckOwnPassword
from application.keys.derive import DeriveAccounts, Passphrase, canonical_email
from application.keys.give_up import GiveUpPassphrase
from application.ports.custody import (
    Capabilities,
    CustodyRefusedError,
    CustodyUnavailableError,
)
from application.ports.derivation import TooManyDerivationsError
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.account import Account, AccountState, Origin
from domain.audit import OPERATOR
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, AccountId, MemberId, Prefix, public_id
from domain.key_change import KeyChangeState
from domain.organisation import Member, Role
from domain.signing import Curve
from tests.application.house import House
from tests.application.keys import ELSEWHERE, KeyedHouse
from tests.application.mortal import DEATHS, Death, Fate, Mortal, MortalStore

WORDS = "seven brown foxes under one umbrella"
PASSWORD = "correct horse battery"


class DerivingHouse(House):
    """Whoever registers here has accounts that wait for a passphrase."""

    def enrol(self, **changes: Any) -> Any:
        return super().enrol(**{"origin": Origin.ARC76} | changes)

    def deriving(self, **changes: Any) -> DeriveAccounts:
        parts: dict[str, Any] = {
            "store": self.store,
            "custodians": self.custodians,
            "chains": self.chains,
            "check": CheckOwnPassword(
                store=self.store, clock=self.clock, passwords=MemoryPasswords()
            ),
            "derive": MemoryDerivation(),
            "public_key_of": MemoryPublicKeys(),
            "clock": self.clock,
            "identifiers": self.identifiers,
        }
        return DeriveAccounts(**parts | changes)

    def derive(self, text: str = WORDS, **changes: Any) -> Any:
        slot = changes.pop("slot", 0)
        caller: Caller = changes.pop("caller", self.caller)
        words = Passphrase(text=text, slot=slot)
        return self.deriving(**changes)(caller, PASSWORD, words)

    def give_up(self, caller: Caller | None = None, **changes: Any) -> Any:
        return self.giving_up(**changes)(caller or self.caller)

    def giving_up(self, **changes: Any) -> GiveUpPassphrase:
        parts: dict[str, Any] = {
            "store": self.store,
            "custodians": self.custodians,
            "chains": self.chains,
            "clock": self.clock,
            "identifiers": self.identifiers,
        }
        return GiveUpPassphrase(**parts | changes)

    @property
    def account(self) -> Account:
        with self.store.begin(self.scope) as work:
            found = work.accounts.find(self.chain.network.family, live=False)
        assert found is not None
        return found

    @property
    def expected(self) -> str:
        """The address that the passphrase makes, by no way of ours."""
        secret = MemoryDerivation()(INSTALLATION, "ada@example.com", WORDS, 0)
        family, elsewhere = self.chain.network.family, AccountId(uuid4())
        made = self.custodian.import_key(
            INSTALLATION, elsewhere, family.curve, family.key_use, secret
        )
        return self.chain.address(made.public_key)


class MovingHouse(DerivingHouse, KeyedHouse):
    """Whose accounts may be moved to another custodian."""


@pytest.fixture
def house():
    return DerivingHouse()


def is_refused(answer: object, code: str) -> None:
    assert isinstance(answer, Refusal), answer
    assert answer.code == code


def test_no_worker_makes_the_key_of_an_account_that_is_derived(house):
    assert house.account.state is AccountState.REQUESTED
    house.prepare_account()
    assert house.account.state is AccountState.REQUESTED
    with house.store.begin(Scope()) as work:
        assert work.accounts.requested(100) == []


def test_the_passphrase_makes_the_key_which_the_custodian_keeps(house):
    (derived,) = house.derive()
    assert derived == house.account
    assert (derived.state, derived.address) == (AccountState.READY, house.expected)
    assert house.custodian.describe(derived.key).public_key == derived.public_key
    house.is_intact()


def test_the_same_passphrase_again_answers_the_same(house):
    (first,), (second,) = house.derive(), house.derive()
    assert first == second


@pytest.mark.parametrize("other", [{"text": WORDS + "!"}, {"slot": 1}])
def test_another_passphrase_is_refused(house, other):
    before = house.derive()
    is_refused(house.derive(**other), "passphrase_differs")
    assert [house.account] == before


def test_a_passphrase_that_logs_in_is_refused(house):
    is_refused(house.derive(PASSWORD), "passphrase_is_password")
    assert house.account.state is AccountState.REQUESTED


def test_whoever_found_a_session_tries_no_passwords_on_accounts_that_are_there(house):
    house.derive()
    is_refused(house.derive(PASSWORD), "passphrase_differs")


@pytest.mark.parametrize(
    ("text", "code"),
    [("x" * 15, "too_short"), ("x" * 1001, "too_long"), ("\ud800" * 20, "control_character")],
)
def test_a_passphrase_has_a_length(house, text, code):
    answer = house.derive(text)
    is_refused(answer, "validation_failed")
    (fault,) = answer.faults
    assert (fault.pointer, fault.code) == ("/passphrase", code)
    assert text not in repr(answer)


def test_where_a_custodian_makes_the_keys_no_passphrase_is_taken():
    class Plain(DerivingHouse):
        def enrol(self, **changes: Any) -> Any:
            return super().enrol(**{"origin": Origin.CUSTODIAN} | changes)

    house = Plain()
    before = house.account
    assert before.state is AccountState.READY
    is_refused(house.derive(), "passphrase_not_offered")
    assert house.account == before


def test_a_custodian_that_takes_nothing_in_is_told_before_anything_is_derived(house):
    class Closed:
        def capabilities(self) -> Capabilities:
            return Capabilities(curves=frozenset(Curve))

    def derive(*_: object) -> bytearray:
        raise AssertionError("it was derived")

    closed = {house.custodian_scheme: Closed()}
    is_refused(house.derive(custodians=closed, derive=derive), "import_not_offered")
    is_refused(house.derive(custodians={}, derive=derive), "custodian_not_configured")


@pytest.fixture
def moved():
    """A house whose account was derived, and moved to another custodian."""
    house = MovingHouse()
    house.derive()
    change = house.move()
    assert house.change_keys(Fate({}))
    assert house.changed(change.id).state is KeyChangeState.COMPLETED
    assert house.account.custodian == ELSEWHERE
    return house


def test_the_passphrase_stays_the_one_wherever_the_account_is_moved(moved):
    before = moved.account
    assert moved.derive() == [before]
    is_refused(moved.derive(WORDS + "!"), "passphrase_differs")
    is_refused(moved.derive(slot=1), "passphrase_differs")
    assert moved.account == before


def test_no_custodian_is_asked_which_passphrase_was_the_one(moved):
    assert moved.derive(custodians={}) == [moved.account]
    is_refused(moved.derive(WORDS + "!", custodians={}), "passphrase_differs")


def test_a_passphrase_that_makes_no_key_is_another_one(moved):
    is_refused(moved.derive(derive=lambda *_: bytearray(32)), "passphrase_differs")


def test_an_organisation_that_derives_enough_already_is_told_to_wait(house):
    def derive(*_: object) -> bytearray:
        raise TooManyDerivationsError("2 are under way for this organisation")

    answer = house.derive(derive=derive)
    is_refused(answer, "rate_limited")
    assert answer.retry_after is not None
    assert house.account.awaits_passphrase


def test_whoever_was_invited_derives_nothing(house):
    """By their own address it would be an account of their own organisation's as well."""
    grace = house.register("grace@example.com")
    joined = Member(
        organisation=house.registered.organisation.id,
        id=MemberId(house.identifiers.next()),
        user=grace.user.id,
        role=Role.OWNER,
        created_at=house.clock.now(),
    )
    with house.store.begin(house.scope) as work:
        work.members.add(joined)
    caller = evolve(house.caller, user=grace.user.id, member=joined.id)
    is_refused(house.derive(caller=caller), "forbidden")
    is_refused(house.derive(caller=evolve(house.caller, user=None)), "session_required")
    is_refused(house.derive(caller=evolve(house.caller, permissions=frozenset())), "forbidden")


@pytest.mark.parametrize("address", ["Ada@Example.com", " ada@example.com\t", "ADA@EXAMPLE.COM"])
def test_an_address_has_one_form(address):
    assert canonical_email(address) == "ada@example.com"


def test_an_accent_is_composed():
    assert canonical_email("Ame\u0301lie@example.com") == "am\u00e9lie@example.com"


@given(st.dictionaries(st.integers(0, 8), st.sampled_from(DEATHS), max_size=3))
def test_whoever_dies_leaves_no_half_account_and_gives_the_same_passphrase_again(schedule):
    house, fate = DerivingHouse(), Fate(schedule)
    for _ in range(len(schedule) + 1):
        mortal = {
            "store": MortalStore(house.store, fate),
            "custodians": {house.custodian_scheme: Mortal(house.custodian, fate)},
            "derive": lambda *asked: fate("derive", MemoryDerivation(), *asked),
        }
        try:
            answer = house.derive(**mortal)
        except (Death, CustodyUnavailableError, StoreUnavailableError):
            account = house.account
            assert account.state is AccountState.READY or account.key is None
            continue
        break
    assert answer == house.derive()
    assert house.account.address == house.expected
    is_refused(house.derive(WORDS + "?"), "passphrase_differs")
    house.is_intact()


def test_a_custodian_that_had_the_key_before_somebody_died_takes_no_other(house):
    fate = Fate({4: "death before"})
    with pytest.raises(Death):
        house.derive(store=MortalStore(house.store, fate))
    assert fate.calls[4] == "begin"
    assert house.account.state is AccountState.REQUESTED
    is_refused(house.derive(WORDS + "?"), "passphrase_differs")
    assert house.account.state is AccountState.REQUESTED
    (derived,) = house.derive()
    assert derived.address == house.expected


def test_what_was_derived_is_overwritten(house):
    made: list[bytearray] = []

    def derive(*asked: Any) -> bytearray:
        made.append(MemoryDerivation()(*asked))
        return made[-1]

    house.derive(derive=derive)
    house.derive(WORDS + "!", derive=derive)
    assert made == [bytearray(32), bytearray(32)]


def test_nothing_that_is_shown_has_the_passphrase(house):
    assert WORDS not in repr(Passphrase(text=WORDS))
    assert WORDS not in repr(house.derive())


def test_a_founder_who_has_left_strands_nobody(house):
    (waiting,) = house.give_up()
    assert waiting == house.account
    assert (waiting.state, waiting.origin) == (AccountState.REQUESTED, Origin.CUSTODIAN_INSTEAD)
    with house.store.begin(Scope()) as work:
        (task,) = [each for each in work.outbox.take(100) if each.topic == "account.requested"]
        assert work.accounts.requested(100) == [(waiting.organisation, waiting.id)]
    assert task.key == public_id(Prefix.ACCOUNT, waiting.id)
    ready = house.prepare_account()
    assert (ready.state, ready.custodian) == (AccountState.READY, waiting.custodian)
    (event,) = [
        each for each in house.all_events() if each.action == "account.passphrase_given_up"
    ]
    assert event.subject == task.key
    assert event.content()["actor"]["id"] == house.caller.actor.id
    house.is_intact()


def test_an_operator_gives_up_as_well_and_is_named(house):
    (waiting,) = house.giving_up().by_operator(house.caller.organisation)
    assert waiting.origin is Origin.CUSTODIAN_INSTEAD
    (event,) = [
        each for each in house.all_events() if each.action == "account.passphrase_given_up"
    ]
    assert event.content()["actor"]["kind"] == OPERATOR.kind
    is_refused(house.giving_up().by_operator(INSTALLATION), "no_passphrase_awaited")


def test_giving_up_twice_is_giving_up_once(house):
    first = house.give_up()
    told = len(house.all_events())
    assert house.give_up() == first
    assert len(house.all_events()) == told
    ready = house.prepare_account()
    assert house.give_up() == [ready]
    assert house.account == ready


def test_what_has_its_key_is_not_given_up(house):
    (derived,) = house.derive()
    is_refused(house.give_up(), "no_passphrase_awaited")
    assert house.account == derived


def test_what_was_given_up_is_derived_no_more(house):
    house.give_up()
    is_refused(house.derive(), "passphrase_not_offered")
    house.prepare_account()
    is_refused(house.derive(), "passphrase_not_offered")


def test_a_key_that_was_taken_in_before_is_nobodys(house):
    """Whoever died over it knows its secret."""
    with pytest.raises(Death):
        house.derive(store=MortalStore(house.store, Fate({4: "death before"})))
    house.give_up()
    ready = house.prepare_account()
    assert ready.address != house.expected
    assert [each.public_key for each in ready.keys] == [
        house.custodian.describe(ready.key).public_key
    ]
    # Nor is it found again by whoever rotates, or asks twice.
    assert house.prepare_account() == ready
    assert house.custodian.rotate(ready.key).public_key != ready.public_key


def test_what_is_given_up_while_it_is_derived_has_no_key_of_the_passphrase(house):
    def derive(*asked: Any) -> bytearray:
        house.give_up()
        return MemoryDerivation()(*asked)

    is_refused(house.derive(derive=derive), "passphrase_not_offered")
    assert house.account.key is None
    assert house.prepare_account().address != house.expected


def test_a_custodian_that_cannot_make_the_key_is_told_before_anything_is_given_up(house):
    class Other:
        def capabilities(self) -> Capabilities:
            return Capabilities(curves=frozenset())

    is_refused(house.give_up(custodians={}), "custodian_not_configured")
    is_refused(house.give_up(custodians={house.custodian_scheme: Other()}), "curve_not_offered")
    assert house.account.awaits_passphrase


def test_only_who_may_change_keys_gives_up(house):
    is_refused(house.give_up(evolve(house.caller, permissions=frozenset())), "forbidden")
    assert house.account.awaits_passphrase


def test_accounts_of_a_family_without_a_network_are_not_given_up(house):
    is_refused(house.give_up(chains={}), "no_passphrase_awaited")
    assert house.account.origin is Origin.ARC76
    assert house.account.awaits_passphrase
    assert house.derive()


@pytest.mark.parametrize("way", ["derive", "give_up"])
def test_locks_are_taken_in_the_order_of_ids(house, way):
    """A clock went back between two accounts; ids have grown all the same."""
    earlier = house.account.created_at - timedelta(hours=1)
    later_id = AccountId(UUID(int=house.account.id.int + 1))
    second = evolve(house.account, id=later_id, live=True, created_at=earlier)
    with house.store.begin(house.scope) as work:
        assert work.accounts.add(second)
    done = getattr(house, way)()
    assert [each.id for each in done] == [house.account.id, later_id]


class _TooLate:
    """A custodian that made a key of its own while one was brought to it."""

    def __init__(self, house):
        self.house = house

    def __getattr__(self, name):
        return getattr(self.house.custodian, name)

    def import_key(self, *_):
        self.house.give_up()
        raise CustodyRefusedError("key_exists", "there is another key")


def test_whoever_derives_while_it_is_given_up_hears_that(house):
    custodians = {scheme: _TooLate(house) for scheme in house.custodians}
    is_refused(house.derive(custodians=custodians), "passphrase_not_offered")
