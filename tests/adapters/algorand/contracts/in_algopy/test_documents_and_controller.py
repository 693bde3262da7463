"""Documents by name, and the controller under its conditions."""

import pytest
from chain import ALICE, BOB, CAROL, CONTROLLER, OWNER, STRANGER, ZERO, RefusedError, word
from house import SERIES, part, peopled

TERMS, PROSPECTUS = b"terms".ljust(32, b"\0"), b"prospectus".ljust(32, b"\0")


@pytest.fixture
def token(context):
    return peopled(context)


def stored(uri, hash_, at):
    """The ARC-4 tuple (string, byte[], uint64)."""
    tail = 12 + 2 + len(uri)
    return (
        b"\0\x0c" + tail.to_bytes(2, "big") + at.to_bytes(8, "big")
        + len(uri).to_bytes(2, "big") + uri + len(hash_).to_bytes(2, "big") + hash_
    )  # fmt: skip


def test_a_document_is_kept_under_its_name(token):
    token("arc1643_set_document", TERMS, "https://a.example/terms", b"h" * 32)
    expected = stored(b"https://a.example/terms", b"h" * 32, token.now)
    assert token("arc1643_get_document", TERMS) == expected
    assert token.boxes[b"d" + TERMS] == expected
    assert token.boxes[b"D"] == TERMS
    assert token.events[0][6:] == (
        b"\0\x06\0\x28\0\x41" + b"\0\x20" + TERMS + b"\0\x17https://a.example/terms"
        + b"\0\x20" + b"h" * 32
    )  # fmt: skip


def test_a_document_set_again_is_listed_once(token):
    token("arc1643_set_document", TERMS, "first", b"1")
    token("arc1643_set_document", PROSPECTUS, "other", b"")
    token.now += 9
    token("arc1643_set_document", TERMS, "a longer second", b"22")
    assert token("arc1643_get_document", TERMS) == stored(b"a longer second", b"22", token.now)
    assert token.boxes[b"D"] == TERMS + PROSPECTUS


@pytest.mark.parametrize("length", [0, 31, 33])
def test_the_name_of_a_document_has_32_bytes(token, length):
    with pytest.raises(RefusedError, match="32 bytes"):
        token("arc1643_set_document", bytes(length), "u", b"")


def test_what_is_not_there_cannot_be_removed(token):
    with pytest.raises(RefusedError, match="no such document"):
        token("arc1643_remove_document", TERMS)
    token("arc1643_set_document", TERMS, "u", b"")
    token("arc1643_remove_document", TERMS)
    with pytest.raises(RefusedError, match="no such document"):
        token("arc1643_remove_document", TERMS)


@pytest.mark.parametrize("sender", [OWNER, ALICE, STRANGER], ids=["owner", "holder", "stranger"])
def test_only_the_controller_moves_what_belongs_to_others(token, sender):
    for call in (
        ("arc1644_controller_transfer", ALICE, BOB, 1, b"", b""),
        ("arc1644_controller_redeem", ALICE, 1, b""),
    ):
        with pytest.raises(RefusedError, match="controller only"):
            token(*call, sender=sender)


def test_the_controller_reaches_every_partition_like_an_operator(token):
    call = ("arc1410_operator_transfer_by_partition", BOB, SERIES, CAROL, 10, b"order 7")
    assert token(*call, sender=CONTROLLER) == SERIES
    assert part(token, CAROL, SERIES) == 10
    token("arc1410_operator_redeem_by_partition", BOB, SERIES, 40, b"", sender=CONTROLLER)
    assert part(token, BOB, SERIES) == 0
    token("arc1644_set_controllable", False)
    with pytest.raises(RefusedError, match="not controllable"):
        token(*call, sender=CONTROLLER)


def test_a_controller_tells_what_it_did(token):
    token("arc1644_controller_transfer", ALICE, BOB, 9, b"d", b"why", sender=CONTROLLER)
    assert token.events[-1][6:] == (
        CONTROLLER + ALICE + BOB + word(9) + b"\x51" + b"\0\x85\0\x88" + b"\0\1d" + b"\0\3why"
    )
    token("arc1644_controller_redeem", ALICE, 9, b"why", sender=CONTROLLER)
    assert token.events[-1][6:] == (
        CONTROLLER + ALICE + word(9) + b"\x51" + b"\0\x63" + b"\0\3why"
    )


def test_a_justification_is_asked_for_where_required(context):
    token = peopled(context, justified=True)
    with pytest.raises(RefusedError, match="justification required"):
        token("arc1644_controller_transfer", ALICE, BOB, 1, b"data", b"", sender=CONTROLLER)
    with pytest.raises(RefusedError, match="justification required"):
        token("arc1644_controller_redeem", ALICE, 1, b"", sender=CONTROLLER)
    call = ("arc1410_operator_transfer_by_partition", BOB, SERIES, CAROL, 1)
    with pytest.raises(RefusedError, match="justification required"):
        token(*call, b"", sender=CONTROLLER)
    token("arc1644_controller_transfer", ALICE, BOB, 1, b"", b"court", sender=CONTROLLER)
    token(*call, b"court", sender=CONTROLLER)
    token("arc1644_set_require_justification", False)
    token("arc1644_controller_redeem", ALICE, 1, b"", sender=CONTROLLER)


def test_between_two_actions_the_interval_passes(context):
    token = peopled(context, interval=60)
    token("arc1644_controller_transfer", ALICE, BOB, 1, b"", b"", sender=CONTROLLER)
    token.now += 59
    with pytest.raises(RefusedError, match="too soon"):
        token("arc1644_controller_redeem", ALICE, 1, b"", sender=CONTROLLER)
    token.now += 1
    token("arc1644_controller_redeem", ALICE, 1, b"", sender=CONTROLLER)
    token("arc1644_set_min_action_interval", 0)
    token("arc1644_controller_redeem", ALICE, 1, b"", sender=CONTROLLER)


def test_an_action_that_failed_does_not_start_the_interval(context):
    token = peopled(context, interval=60)
    with pytest.raises(RefusedError, match="partition balance too small"):
        token("arc1644_controller_redeem", ALICE, 101, b"", sender=CONTROLLER)
    token("arc1644_controller_redeem", ALICE, 100, b"", sender=CONTROLLER)


def test_the_owner_changes_the_controller(token):
    token("arc1644_set_controller", CAROL)
    assert token.events[0][4:] == CONTROLLER + CAROL
    token("arc1644_controller_redeem", ALICE, 1, b"", sender=CAROL)
    with pytest.raises(RefusedError, match="controller only"):
        token("arc1644_controller_redeem", ALICE, 1, b"", sender=CONTROLLER)
    token("arc1644_set_controller", ZERO)
    with pytest.raises(RefusedError, match="controller only"):
        token("arc1644_controller_redeem", ALICE, 1, b"", sender=CAROL)


def test_whether_it_is_controllable_is_told(context):
    token = peopled(context, controllable=False)
    assert token("arc1644_is_controllable") == 0
    token("arc1644_set_controllable", True)
    assert token("arc1644_is_controllable") == 1
