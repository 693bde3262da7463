"""What holders, operators, the controller and the owner of a security token may rely on."""

from hashlib import sha256

import pytest
from chain import (
    ALICE,
    BOB,
    CAROL,
    CONTROLLER,
    OWNER,
    STRANGER,
    ZERO,
    RefusedError,
    operation,
    word,
)
from house import (
    LOCKED,
    NAME,
    SERIES,
    SYMBOL,
    WITHOUT_LIMIT,
    part,
    partitions,
    peopled,
    unborn,
    verdict,
)

TRANSFER = bytes.fromhex("7983c35c")


@pytest.fixture
def token(context):
    return peopled(context)


def test_the_state_is_laid_out_as_readers_expect(context):
    token = peopled(context, justified=True, interval=60)
    expected = {
        "n": NAME, "s": SYMBOL, "d": 6, "t": word(150), "w": OWNER, "r": 1, "p": 0,
        "q": ZERO, "k": CONTROLLER, "e": 1, "j": 1, "m": 60, "l": 0, "i": 1,
    }  # fmt: skip
    assert {key: token.state(key.encode()) for key in expected} == expected


def test_the_boxes_are_laid_out_as_readers_expect(token):
    token("arc1410_authorize_operator_by_portion", BOB, CAROL, SERIES, 7, sender=BOB)
    assert token.boxes == {
        b"o" + operation(0): (1001).to_bytes(8, "big"),
        b"o" + operation(1): (1002).to_bytes(8, "big"),
        b"b" + ALICE: word(100),
        b"p" + sha256(ALICE + ZERO).digest(): word(100),
        b"l" + ALICE: ZERO,
        b"b" + BOB: word(50),
        b"p" + sha256(BOB + SERIES).digest(): word(50),
        b"l" + BOB: SERIES,
        b"x" + sha256(BOB + CAROL + SERIES).digest(): word(7),
    }


def test_unknown_holders_partitions_and_documents_are_nothing(token):
    """G5."""
    assert token("arc200_balance_of", STRANGER) == 0
    assert part(token, STRANGER, ZERO) == part(token, ALICE, LOCKED) == 0
    assert partitions(token, STRANGER) == []
    assert token("arc1410_is_operator", STRANGER, BOB, ZERO) is False
    assert token("arc1643_get_document", bytes(32)) == bytes([0, 12, 0, 14]) + bytes(12)
    assert token("arc1643_get_all_documents") == bytes(2)


def test_nothing_moves_before_the_bootstrap(context):
    token = unborn(context)
    for call in (
        ("issue_once", operation(1), BOB, SERIES, 1, b""),
        ("arc1410_issue_by_partition", BOB, SERIES, 1, b""),
        ("arc1594_issue", BOB, 1, b""),
        ("redeem_once", operation(1), ZERO, 0, b""),
        ("arc200_transfer", BOB, 0),
    ):
        with pytest.raises(RefusedError, match="not bootstrapped"):
            token(*call)


def test_an_issue_happens_once(token):
    """G9."""
    for method, *arguments in (
        ("issue_once", BOB, SERIES, 50, b"why"),
        ("redeem_once", ZERO, 0, b""),
        ("pause",),
        ("unpause",),
    ):
        with pytest.raises(RefusedError, match="operation consumed"):
            token(method, operation(1), *arguments)
    assert token("is_consumed", operation(1)) == 1002
    assert token("arc200_total_supply") == 150


def test_the_owner_redeems_its_own_once(token):
    token("issue_once", operation(2), OWNER, LOCKED, 10, b"")
    token("redeem_once", operation(3), LOCKED, 4, b"")
    assert part(token, OWNER, LOCKED) == token("arc200_balance_of", OWNER) == 6
    with pytest.raises(RefusedError, match="partition balance too small"):
        token("redeem_once", operation(4), LOCKED, 7, b"")


def test_a_transfer_stays_within_its_partition(token):
    moved = token("arc1410_transfer_by_partition", SERIES, CAROL, 20, b"x", sender=BOB)
    assert moved == SERIES
    assert part(token, CAROL, SERIES) == token("arc200_balance_of", CAROL) == 20
    assert part(token, CAROL, ZERO) == 0
    assert token.events[0] == TRANSFER + BOB + CAROL + word(20)
    assert token.events[1][6:] == BOB + CAROL + SERIES + word(20) + b"\0\x82\0\x01x"


def test_arc200_moves_the_default_partition_only(token):
    token("arc200_transfer", CAROL, 5, sender=ALICE)
    assert part(token, CAROL, ZERO) == 5
    with pytest.raises(RefusedError, match="no such partition"):
        token("arc200_transfer", CAROL, 1, sender=BOB)


def test_with_data_moves_like_without(token):
    assert token("arc1594_transfer_with_data", CAROL, 5, b"d", sender=ALICE) is True
    token("arc200_approve", BOB, 6, sender=ALICE)
    call = ("arc1594_transfer_from_with_data", ALICE, CAROL, 6, b"d")
    assert token(*call, sender=BOB) is True
    assert part(token, CAROL, ZERO) == 11
    with pytest.raises(RefusedError, match="allowance too small"):
        token(*call, sender=BOB)


def test_a_holder_redeems_and_a_spender_redeems_for_it(token):
    token("arc1594_redeem", 10, b"", sender=ALICE)
    token("arc200_approve", BOB, 20, sender=ALICE)
    token("arc1594_redeem_from", ALICE, 20, b"", sender=BOB)
    token("arc1410_redeem_by_partition", SERIES, 50, b"", sender=BOB)
    assert token("arc200_total_supply") == 70
    with pytest.raises(RefusedError, match="allowance too small"):
        token("arc1594_redeem_from", ALICE, 1, b"", sender=BOB)


def test_nobody_fills_the_list_of_another_holder(token):
    """Else 128 invented partitions of nothing would keep a holder from receiving a real one."""
    for amount in (0, 1):
        with pytest.raises(RefusedError, match="no such partition"):
            token("arc1410_transfer_by_partition", b"?" * 32, ALICE, amount, b"", sender=BOB)
    assert partitions(token, ALICE) == [ZERO]


def test_partitions_are_listed_once_and_in_pages(token):
    for number in range(2, 34):
        token("issue_once", operation(number), CAROL, word(number), 1, b"")
        token("arc1410_issue_by_partition", CAROL, word(number), 1, b"")
    assert partitions(token, CAROL) == [word(number) for number in range(2, 32)]
    assert partitions(token, CAROL, 1) == [word(32), word(33)]
    assert partitions(token, CAROL, 2) == []


def test_an_operator_moves_without_limit_until_revoked(token):
    token("arc1410_authorize_operator", BOB, CAROL, SERIES, sender=BOB)
    assert token("arc1410_is_operator", BOB, CAROL, SERIES) is True
    assert token("arc1410_is_operator_by_portion", BOB, CAROL, SERIES) is True
    call = ("arc1410_operator_transfer_by_partition", BOB, SERIES, ALICE, 10, b"")
    assert token(*call, sender=CAROL) == SERIES
    token("arc1410_operator_redeem_by_partition", BOB, SERIES, 10, b"", sender=CAROL)
    assert token("arc1410_is_operator", BOB, CAROL, SERIES) is True
    token("arc1410_revoke_operator", BOB, CAROL, SERIES, sender=BOB)
    assert token("arc1410_is_operator", BOB, CAROL, SERIES) is False
    with pytest.raises(RefusedError, match="operator not authorised"):
        token(*call, sender=CAROL)
    assert part(token, BOB, SERIES) == 30


def test_a_portion_is_used_up(token):
    token("arc1410_authorize_operator_by_portion", BOB, CAROL, SERIES, 15, sender=BOB)
    assert token("arc1410_is_operator", BOB, CAROL, SERIES) is False
    call = ("arc1410_operator_transfer_by_partition", BOB, SERIES, ALICE, 10, b"")
    token(*call, sender=CAROL)
    with pytest.raises(RefusedError, match="operator not authorised"):
        token(*call, sender=CAROL)
    token("arc1410_operator_redeem_by_partition", BOB, SERIES, 5, b"", sender=CAROL)
    assert token("arc1410_is_operator_by_portion", BOB, CAROL, SERIES) is False


def test_an_operator_of_one_partition_is_none_of_another(token):
    token("arc1410_authorize_operator", ALICE, CAROL, SERIES, sender=ALICE)
    call = ("arc1410_operator_transfer_by_partition", ALICE, ZERO, CAROL, 1, b"")
    with pytest.raises(RefusedError, match="operator not authorised"):
        token(*call, sender=CAROL)


@pytest.mark.parametrize("sender", [OWNER, CAROL, CONTROLLER], ids=["owner", "self", "controller"])
def test_only_the_holder_names_operators(token, sender):
    for call in (
        ("arc1410_authorize_operator", BOB, CAROL, SERIES),
        ("arc1410_authorize_operator_by_portion", BOB, CAROL, SERIES, 1),
        ("arc1410_revoke_operator", BOB, CAROL, SERIES),
    ):
        with pytest.raises(RefusedError, match="holder only"):
            token(*call, sender=sender)


def test_can_transfer_tells_reasons_apart(token):
    """G6."""
    assert verdict(token, BOB, SERIES, CAROL, 50) == (0x51, SERIES)
    assert verdict(token, BOB, ZERO, CAROL, 1) == (0x50, ZERO)
    assert verdict(token, BOB, SERIES, CAROL, 51) == (0x52, SERIES)
    assert verdict(token, BOB, SERIES, ZERO, 1) == (0x57, SERIES)
    assert verdict(token, BOB, SERIES, CAROL, 1, caller=STRANGER) == (0x58, SERIES)
    token("arc1410_authorize_operator_by_portion", BOB, CAROL, SERIES, 3, sender=BOB)
    assert verdict(token, BOB, SERIES, CAROL, 3, caller=CAROL) == (0x51, SERIES)
    assert verdict(token, BOB, SERIES, CAROL, 4, caller=CAROL) == (0x58, SERIES)
    token("pause", operation(2))
    assert verdict(token, BOB, SERIES, CAROL, 50) == (0x54, SERIES)


def test_issuing_can_be_closed_and_opened(token):
    assert token("arc1594_is_issuable") is True
    token("arc1594_set_issuable", False)
    assert token("arc1594_is_issuable") is False
    for call in (
        ("issue_once", operation(2), BOB, SERIES, 1, b""),
        ("arc1410_issue_by_partition", BOB, SERIES, 1, b""),
        ("arc1594_issue", BOB, 1, b""),
    ):
        with pytest.raises(RefusedError, match="not issuable"):
            token(*call)
    token("arc1594_set_issuable", True)
    token("arc1594_issue", BOB, 1, b"")
    assert part(token, BOB, ZERO) == 1


def test_more_than_uint256_is_not_issued(token):
    with pytest.raises(RefusedError):
        token("arc1594_issue", BOB, WITHOUT_LIMIT - 149, b"")
    token("arc1594_issue", BOB, WITHOUT_LIMIT - 150, b"")
    assert token("arc200_total_supply") == WITHOUT_LIMIT


def test_while_paused_nothing_moves_not_even_for_the_controller(token):
    token("arc1410_authorize_operator", BOB, CAROL, SERIES, sender=BOB)
    token("pause", operation(2))
    for call, sender in (
        (("arc200_transfer", BOB, 1), ALICE),
        (("arc1594_transfer_with_data", BOB, 1, b""), ALICE),
        (("arc1410_transfer_by_partition", SERIES, ALICE, 1, b""), BOB),
        (("arc1410_operator_transfer_by_partition", BOB, SERIES, ALICE, 1, b""), CAROL),
        (("arc1594_redeem", 1, b""), ALICE),
        (("issue_once", operation(3), BOB, SERIES, 1, b""), OWNER),
        (("arc1644_controller_transfer", ALICE, BOB, 1, b"", b""), CONTROLLER),
        (("arc1644_controller_redeem", ALICE, 1, b""), CONTROLLER),
    ):
        with pytest.raises(RefusedError, match="paused"):
            token(*call, sender=sender)
    token("unpause", operation(4))
    token("arc200_transfer", BOB, 1, sender=ALICE)


@pytest.mark.parametrize("sender", [STRANGER, CONTROLLER, ZERO], ids=["any", "controller", "zero"])
def test_only_the_owner(token, sender):
    for call in (
        ("issue_once", operation(9), STRANGER, SERIES, 1, b""),
        ("redeem_once", operation(9), ZERO, 0, b""),
        ("pause", operation(9)),
        ("arc1410_issue_by_partition", STRANGER, SERIES, 1, b""),
        ("arc1594_issue", STRANGER, 1, b""),
        ("arc1594_set_issuable", False),
        ("arc1643_set_document", bytes(32), "u", b""),
        ("arc1643_remove_document", bytes(32)),
        ("arc1644_set_controller", STRANGER),
        ("arc1644_set_controllable", True),
        ("arc1644_set_require_justification", False),
        ("arc1644_set_min_action_interval", 0),
        ("arc88_renounce_ownership",),
        ("arc88_transfer_ownership", STRANGER),
        ("arc88_transfer_ownership_request", STRANGER),
        ("arc88_cancel_ownership_request",),
    ):
        with pytest.raises(RefusedError, match="owner only"):
            token(*call, sender=sender)


def test_ownership_is_requested_and_accepted(token):
    token("arc88_transfer_ownership_request", CAROL)
    with pytest.raises(RefusedError, match="not requested"):
        token("arc88_accept_ownership", sender=STRANGER)
    assert token("arc88_owner") == token("owner") == OWNER
    token("arc88_accept_ownership", sender=CAROL)
    assert [event[4:] for event in token.events] == [OWNER + CAROL]
    assert token("arc88_is_owner", CAROL) is True
    assert token("arc88_is_owner", OWNER) is False
    with pytest.raises(RefusedError, match="not requested"):
        token("arc88_accept_ownership", sender=CAROL)


def test_a_cancelled_request_is_none(token):
    token("arc88_transfer_ownership_request", CAROL)
    token("arc88_cancel_ownership_request")
    with pytest.raises(RefusedError, match="not requested"):
        token("arc88_accept_ownership", sender=CAROL)
    with pytest.raises(RefusedError, match="not requested"):
        token("arc88_accept_ownership", sender=BOB)


def test_ownership_handed_over_or_renounced_leaves_no_request(token):
    token("arc88_transfer_ownership_request", CAROL)
    token("arc88_transfer_ownership", BOB)
    with pytest.raises(RefusedError, match="not requested"):
        token("arc88_accept_ownership", sender=CAROL)
    token("arc88_transfer_ownership_request", CAROL, sender=BOB)
    token("arc88_renounce_ownership", sender=BOB)
    assert token("arc88_owner") == ZERO
    with pytest.raises(RefusedError, match="not requested"):
        token("arc88_accept_ownership", sender=CAROL)


def test_ownership_is_not_handed_to_nobody_by_mistake(token):
    for method in ("arc88_transfer_ownership", "arc88_transfer_ownership_request"):
        with pytest.raises(RefusedError, match="zero address"):
            token(method, ZERO)
