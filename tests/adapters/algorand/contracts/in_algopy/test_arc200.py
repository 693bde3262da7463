"""What holders, spenders and the owner of an ARC-200 token may rely on."""

from hashlib import sha256

import pytest
from chain import ALICE, BOB, CAROL, OWNER, STRANGER, ZERO, Chain, RefusedError, operation, word

from adapters.algorand.standards.arc200.contract_mintable import TallystickMintable
from adapters.algorand.standards.arc200.contract_preminted import TallystickPreminted

NAME, SYMBOL = b"Gold".ljust(32, b"\0"), b"GLD".ljust(8, b"\0")
CAP = 1000
TRANSFER, APPROVAL = bytes.fromhex("7983c35c"), bytes.fromhex("1969f865")


@pytest.fixture
def unborn(context):
    """Created, not yet bootstrapped."""
    return Chain(context, TallystickMintable, NAME, SYMBOL, 6, CAP)


@pytest.fixture
def token(unborn):
    """Alice has 100, the owner 50."""
    unborn("bootstrap", operation(0), 100, ALICE)
    unborn("mint", operation(1), OWNER, 50)
    return unborn


@pytest.fixture
def preminted(context):
    return Chain(context, TallystickPreminted, NAME, SYMBOL, 6)


def balances(token):
    return [token("arc200_balance_of", holder) for holder in (OWNER, ALICE, BOB)]


def test_the_state_is_laid_out_as_readers_expect(token):
    assert token.state(b"n") == NAME
    assert token.state(b"s") == SYMBOL
    assert token.state(b"d") == 6
    assert token.state(b"c") == word(CAP)
    assert token.state(b"t") == word(150)
    assert token.state(b"w") == OWNER
    assert token.state(b"p") == 0
    assert token.state(b"r") == 1


def test_the_boxes_are_laid_out_as_readers_expect(token):
    token("arc200_approve", BOB, 7, sender=ALICE)
    assert token.boxes == {
        b"b" + ALICE: word(100),
        b"b" + OWNER: word(50),
        b"a" + sha256(ALICE + BOB).digest(): word(7),
        b"o" + operation(0): (1001).to_bytes(8, "big"),
        b"o" + operation(1): (1002).to_bytes(8, "big"),
    }


def test_the_readonly_methods_answer(token):
    assert token("arc200_name") == NAME
    assert token("arc200_symbol") == SYMBOL
    assert token("arc200_decimals") == 6
    assert token("arc200_total_supply") == 150
    assert token("cap") == CAP
    assert token("owner") == OWNER
    assert token("paused") is False
    assert token("is_consumed", operation(1)) == 1002


def test_unknown_holders_spenders_and_operations_are_nothing(token):
    """G5."""
    assert token("arc200_balance_of", CAROL) == 0
    assert token("arc200_allowance", CAROL, ALICE) == 0
    assert token("is_consumed", operation(99)) == 0


@pytest.mark.parametrize("supply", [0, 1, CAP])
def test_a_bootstrap_gives_the_supply_to_the_holder(unborn, supply):
    unborn("bootstrap", operation(0), supply, ALICE)
    assert unborn("arc200_balance_of", ALICE) == unborn("arc200_total_supply") == supply
    assert unborn.events == [TRANSFER + ZERO + ALICE + word(supply)]
    assert unborn.written == {b"o" + operation(0), b"b" + ALICE}


def test_a_bootstrap_above_the_cap_is_refused(unborn):
    with pytest.raises(RefusedError, match="above the cap"):
        unborn("bootstrap", operation(0), CAP + 1, ALICE)


def test_only_the_owner_bootstraps(unborn):
    with pytest.raises(RefusedError, match="owner only"):
        unborn("bootstrap", operation(0), 1, STRANGER, sender=STRANGER)


def test_a_second_bootstrap_is_refused_whatever_its_operation(unborn):
    unborn("bootstrap", operation(0), 1, ALICE)
    with pytest.raises(RefusedError, match="operation consumed"):
        unborn("bootstrap", operation(0), 1, ALICE)
    with pytest.raises(RefusedError, match="already bootstrapped"):
        unborn("bootstrap", operation(1), 1, ALICE)


def test_the_zero_address_holds_nothing(unborn):
    with pytest.raises(RefusedError, match="zero address"):
        unborn("bootstrap", operation(0), 1, ZERO)


@pytest.mark.parametrize(
    "call",
    [
        ("mint", operation(1), OWNER, 1),
        ("burn", operation(1), 0),
        ("pause", operation(1)),
        ("unpause", operation(1)),
        ("transfer_ownership", ALICE),
        ("arc200_transfer", ALICE, 0),
        ("arc200_approve", ALICE, 1),
        ("arc200_transfer_from", OWNER, ALICE, 0),
    ],
    ids=lambda call: call[0],
)
def test_nothing_works_before_the_bootstrap(unborn, call):
    with pytest.raises(RefusedError, match="not bootstrapped"):
        unborn(*call)


def test_a_transfer_moves_and_says_so(token):
    assert token("arc200_transfer", BOB, 30, sender=ALICE) is True
    assert balances(token) == [50, 70, 30]
    assert token.events == [TRANSFER + ALICE + BOB + word(30)]
    assert token.written == {b"b" + ALICE, b"b" + BOB}


def test_a_transfer_to_oneself_changes_nothing(token):
    token("arc200_transfer", ALICE, 100, sender=ALICE)
    assert balances(token) == [50, 100, 0]
    assert token("arc200_total_supply") == 150


@pytest.mark.parametrize(
    ("to", "value", "reason"), [(BOB, 101, "balance too small"), (ZERO, 1, "zero address")]
)
def test_a_transfer_that_cannot_be_is_refused(token, to, value, reason):
    with pytest.raises(RefusedError, match=reason):
        token("arc200_transfer", to, value, sender=ALICE)
    assert balances(token) == [50, 100, 0]


def test_a_spender_moves_what_it_was_allowed(token):
    token("arc200_approve", BOB, 40, sender=ALICE)
    assert token.events == [APPROVAL + ALICE + BOB + word(40)]
    assert token("arc200_transfer_from", ALICE, CAROL, 30, sender=BOB) is True
    assert token.events == [
        APPROVAL + ALICE + BOB + word(10),
        TRANSFER + ALICE + CAROL + word(30),
    ]
    with pytest.raises(RefusedError, match="allowance too small"):
        token("arc200_transfer_from", ALICE, CAROL, 11, sender=BOB)
    with pytest.raises(RefusedError, match="allowance too small"):
        token("arc200_transfer_from", ALICE, CAROL, 1, sender=STRANGER)
    assert token("arc200_allowance", ALICE, BOB) == 10


def test_the_largest_allowance_shrinks_too(token):
    token("arc200_approve", BOB, 2**256 - 1, sender=ALICE)
    token("arc200_transfer_from", ALICE, CAROL, 1, sender=BOB)
    assert token("arc200_allowance", ALICE, BOB) == 2**256 - 2


def test_an_approval_replaces_the_one_before(token):
    token("arc200_approve", BOB, 40, sender=ALICE)
    token("arc200_approve", BOB, 0, sender=ALICE)
    assert token("arc200_allowance", ALICE, BOB) == 0


def test_minting_up_to_the_cap(token):
    token("mint", operation(2), BOB, CAP - 150)
    assert token.events == [TRANSFER + ZERO + BOB + word(CAP - 150)]
    assert token("arc200_total_supply") == CAP
    with pytest.raises(RefusedError, match="above the cap"):
        token("mint", operation(3), BOB, 1)
    assert token("is_consumed", operation(3)) == 0


def test_a_mint_happens_once(token):
    """G9."""
    token("mint", operation(2), BOB, 1)
    with pytest.raises(RefusedError, match="operation consumed"):
        token("mint", operation(2), BOB, 1)
    assert token("arc200_balance_of", BOB) == 1


def test_one_operation_is_one_call_of_any_kind(token):
    token("pause", operation(2))
    for call in (("unpause",), ("mint", BOB, 1), ("burn", 1)):
        with pytest.raises(RefusedError, match="operation consumed"):
            token(call[0], operation(2), *call[1:])


def test_a_consumed_operation_is_told_to_an_owner_who_handed_over(token):
    token("mint", operation(2), BOB, 1)
    token("transfer_ownership", CAROL)
    with pytest.raises(RefusedError, match="operation consumed"):
        token("mint", operation(2), BOB, 1)


def test_burning_takes_from_the_owner_alone(token):
    token("burn", operation(2), 20)
    assert balances(token) == [30, 100, 0]
    assert token("arc200_total_supply") == 130
    assert token.events == [TRANSFER + OWNER + ZERO + word(20)]
    with pytest.raises(RefusedError, match="balance too small"):
        token("burn", operation(3), 31)


@pytest.mark.parametrize(
    "call",
    [
        ("mint", operation(9), STRANGER, 1),
        ("burn", operation(9), 0),
        ("pause", operation(9)),
        ("unpause", operation(9)),
        ("transfer_ownership", STRANGER),
    ],
    ids=lambda call: call[0],
)
@pytest.mark.parametrize("sender", [STRANGER, ALICE, ZERO], ids=["stranger", "holder", "zero"])
def test_only_the_owner(token, call, sender):
    with pytest.raises(RefusedError, match="owner only"):
        token(*call, sender=sender)


def test_while_paused_nothing_moves(token):
    token("arc200_approve", BOB, 10, sender=ALICE)
    token("pause", operation(2))
    assert token("paused") is True
    for call, sender in (
        (("arc200_transfer", BOB, 1), ALICE),
        (("arc200_transfer_from", ALICE, BOB, 1), BOB),
        (("mint", operation(3), BOB, 1), OWNER),
        (("burn", operation(3), 1), OWNER),
    ):
        with pytest.raises(RefusedError, match="paused"):
            token(*call, sender=sender)
    token("unpause", operation(4))
    token("arc200_transfer", BOB, 1, sender=ALICE)


def test_pausing_what_is_paused_is_refused(token):
    with pytest.raises(RefusedError, match="already so"):
        token("unpause", operation(2))
    token("pause", operation(2))
    with pytest.raises(RefusedError, match="already so"):
        token("pause", operation(3))


def test_ownership_is_handed_over_but_not_to_nobody(token):
    with pytest.raises(RefusedError, match="zero address"):
        token("transfer_ownership", ZERO)
    token("transfer_ownership", CAROL)
    assert token("owner") == CAROL
    token("mint", operation(2), BOB, 1, sender=CAROL)
    with pytest.raises(RefusedError, match="owner only"):
        token("mint", operation(3), BOB, 1)


def test_a_preminted_token_has_its_whole_supply_from_the_bootstrap(preminted):
    preminted("bootstrap", operation(0), 2**256 - 1, ALICE)
    assert preminted("arc200_total_supply") == 2**256 - 1
    preminted("arc200_transfer", BOB, 2**256 - 1, sender=ALICE)
    assert preminted("arc200_balance_of", BOB) == 2**256 - 1
    assert preminted("is_consumed", operation(0)) == 1001


def test_a_preminted_token_of_nothing_is_refused(preminted):
    with pytest.raises(RefusedError, match="no supply"):
        preminted("bootstrap", operation(0), 0, ALICE)


def test_a_preminted_supply_stays_what_it_is(preminted):
    for method in ("mint", "burn", "pause", "transfer_ownership"):
        assert not hasattr(preminted.contract, method)
