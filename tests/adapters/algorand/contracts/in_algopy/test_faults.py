"""The faults of the published ARC-1400 contract, each with the proof that ours has it not."""

import pytest
from chain import ALICE, BOB, CAROL, CONTROLLER, OWNER, STRANGER, ZERO, RefusedError, operation
from house import LOCKED, SERIES, part, partitions, peopled, unborn, verdict


@pytest.fixture
def token(context):
    return peopled(context)


def sums(token, *holders):
    return [
        (token("arc200_balance_of", holder), sum(part(token, holder, p) for p in (ZERO, SERIES)))
        for holder in holders
    ]


def test_f0_issuing_to_a_brand_new_holder_works(token):
    token("issue_once", operation(2), CAROL, SERIES, 7, b"")
    token("arc1410_issue_by_partition", STRANGER, LOCKED, 3, b"")
    assert token("arc200_balance_of", CAROL) == part(token, CAROL, SERIES) == 7
    assert partitions(token, STRANGER) == [LOCKED]


def test_f1_the_initial_supply_lies_in_the_default_partition_and_moves(context):
    token = unborn(context)
    token("bootstrap", operation(0), 100, ALICE)
    assert part(token, ALICE, ZERO) == 100
    token("arc1410_transfer_by_partition", ZERO, BOB, 40, b"", sender=ALICE)
    token("arc200_transfer", BOB, 60, sender=ALICE)
    assert part(token, BOB, ZERO) == 100


def test_f2_a_transfer_by_partition_moves_the_arc200_balance(token):
    token("arc1410_transfer_by_partition", SERIES, CAROL, 50, b"", sender=BOB)
    assert sums(token, BOB, CAROL) == [(0, 0), (50, 50)]
    with pytest.raises(RefusedError, match="partition balance too small"):
        token("arc1410_redeem_by_partition", SERIES, 1, b"", sender=BOB)
    token("arc1410_redeem_by_partition", SERIES, 50, b"", sender=CAROL)
    assert sums(token, BOB, CAROL) == [(0, 0), (0, 0)]
    assert token("arc200_total_supply") == 100


def test_f3_redeeming_takes_from_the_partition_too(token):
    token("arc1594_redeem", 30, b"", sender=ALICE)
    assert sums(token, ALICE) == [(70, 70)]
    assert token("arc200_total_supply") == 120


def test_f4_what_the_controller_moved_belongs_to_the_receiver(token):
    token("arc1644_controller_transfer", ALICE, CAROL, 100, b"", b"", sender=CONTROLLER)
    assert sums(token, ALICE, CAROL) == [(0, 0), (100, 100)]
    with pytest.raises(RefusedError):
        token("arc200_transfer", BOB, 1, sender=ALICE)
    token("arc200_transfer", BOB, 100, sender=CAROL)


def test_f4_what_the_controller_redeemed_is_gone(token):
    token("arc1644_controller_redeem", ALICE, 100, b"", sender=CONTROLLER)
    assert sums(token, ALICE) == [(0, 0)]
    assert token("arc200_total_supply") == 50


@pytest.mark.parametrize("bootstrapped", [False, True])
@pytest.mark.parametrize("sender", [STRANGER, OWNER], ids=["stranger", "owner"])
def test_f5_nobody_becomes_owner_by_initialising(context, bootstrapped, sender):
    """G3: the owner is whoever created."""
    token = peopled(context) if bootstrapped else unborn(context)
    with pytest.raises(RefusedError, match="owner is set by create"):
        token("arc88_initialize_owner", STRANGER, sender=sender)
    assert token("arc88_owner") == OWNER


def test_f6_an_unknown_holder_has_nothing_of_any_partition(token):
    assert part(token, STRANGER, ZERO) == part(token, STRANGER, SERIES) == 0
    assert partitions(token, STRANGER) == []
    assert verdict(token, STRANGER, SERIES, BOB, 1) == (0x50, SERIES)


def test_f7_success_and_a_disabled_controller_are_not_told_alike(token):
    call = ("arc1644_controller_transfer", ALICE, BOB, 1, b"", b"")
    assert token(*call, sender=CONTROLLER) == 0x51
    token("arc1644_set_controllable", False)
    with pytest.raises(RefusedError, match="not controllable"):
        token(*call, sender=CONTROLLER)


def test_f7_a_removed_document_leaves_the_index(token):
    first, second, third = (bytes([letter]) * 32 for letter in b"123")
    for name in (first, second, third):
        token("arc1643_set_document", name, "u", b"h")
    token("arc1643_remove_document", second)
    answer = token("arc1643_get_all_documents")
    assert answer == b"\0\2\0\4\0\x26\0\x20" + first + b"\0\x20" + third
    assert b"d" + second not in token.boxes


def test_f8_the_name_of_every_box_fits(token):
    """A node refuses names over 64 bytes."""
    token("arc200_approve", BOB, 1, sender=ALICE)
    token("arc1410_authorize_operator", BOB, CAROL, SERIES, sender=BOB)
    token("arc1410_authorize_operator_by_portion", BOB, ALICE, SERIES, 1, sender=BOB)
    token("arc1643_set_document", bytes(32), "u", b"h")
    assert {name[:1] for name in token.boxes} == {b"o", b"b", b"p", b"l", b"a", b"x", b"d", b"D"}
    assert {len(name) for name in token.boxes} == {1, 33}
