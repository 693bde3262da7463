"""Slots by themselves: the grid, the lease, the note.  What nodes make of them is in on_devnet."""

import hashlib
import uuid

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from adapters.algorand.identity import lease_of, note_of
from adapters.algorand.window import MARGIN, SIGNING_MARGIN, Span, cell_of, span_of, terms
from domain.errors import MisuseError
from domain.identifiers import InstallationId, NetworkId, OperationId, OrganisationId
from domain.operation import Intent, LeaseWindow, Postponed, Slot, WaitReason
from domain.token import Token, TokenKind
from tests.adapters.algorand.on_devnet.world import a_network

NETWORK = a_network("algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDe", None, window=150)
INSTALLATION = InstallationId(uuid.UUID("0192f0c1-2b3c-7d4e-8f50-61728394a5b6"))
INTENT = Intent(
    organisation=OrganisationId(uuid.UUID("0192f0c1-0000-7000-8000-000000000001")),
    operation=OperationId(uuid.UUID("0192f0c2-1122-7334-8556-778899aabbcc")),
    step=1,
    token=Token(
        kind=TokenKind("asa_nft"), name="N", symbol="N", decimals=0, supply=1, parameters={}
    ),
    owner="O",
    sender="S",
)
LEASE = lease_of(INTENT, INSTALLATION, NETWORK.id)

rounds, widths = st.integers(0, 2**40), st.integers(20, 1000)


@given(rounds, widths)
def test_every_round_is_in_one_cell(round, width):
    cell = cell_of(round, width)
    assert max(1, round // width * width) == cell.first
    assert cell.first <= max(1, round) <= cell.last
    assert (cell.last + 1) % width == 0
    # The protocol allows LastValid - FirstValid to be 1,000.
    assert cell.last - cell.first < 1_000


@given(rounds, rounds, widths)
def test_two_cells_are_the_same_or_apart(one, other, width):
    a, b = cell_of(one, width), cell_of(other, width)
    assert a == b or a.last < b.first or b.last < a.first


@given(rounds, widths)
def test_a_slot_is_the_cell_of_the_next_round_or_waits_for_the_one_behind(last_round, width):
    network = evolve(NETWORK, window=width)
    cell = cell_of(last_round + 1, width)
    left = cell.last - last_round
    found = terms(network, LEASE, last_round)
    if left < MARGIN:
        assert isinstance(found, Postponed)
        assert found.reason is WaitReason.WINDOW_OPEN
        later = terms(network, LEASE, cell.last)
        assert isinstance(later, LeaseWindow)
        assert later.valid_from == cell.last + 1
    else:
        assert found == LeaseWindow(lease=LEASE, valid_from=cell.first, valid_until=cell.last)


def test_the_margins_to_the_round():
    assert isinstance(terms(NETWORK, LEASE, 149 - MARGIN), LeaseWindow)
    assert isinstance(terms(NETWORK, LEASE, 149 - MARGIN + 1), Postponed)
    assert terms(NETWORK, LEASE, 148).reason is WaitReason.WINDOW_OPEN
    assert terms(NETWORK, LEASE, 149) == LeaseWindow(lease=LEASE, valid_from=150, valid_until=299)


def a_slot(valid_until=299):
    return Slot(number=1, network=NETWORK.id, signer="S", lease=LEASE, valid_until=valid_until)


@pytest.mark.parametrize("last_round", [0, 149, 150, 200, 299 - SIGNING_MARGIN])
def test_an_attempt_is_valid_in_the_whole_cell_whenever_it_is_signed(last_round):
    assert span_of(NETWORK, a_slot(), last_round) == Span(150, 299)


@pytest.mark.parametrize("last_round", [299 - SIGNING_MARGIN + 1, 298, 299, 300, 10_000])
def test_too_late_is_too_late(last_round):
    found = span_of(NETWORK, a_slot(), last_round)
    assert isinstance(found, Postponed)
    assert found.reason is WaitReason.WINDOW_OPEN


def test_the_first_cell_begins_with_round_1():
    assert span_of(NETWORK, a_slot(149), 0) == Span(1, 149)


def test_nothing_is_signed_for_a_window_of_another_grid():
    """The configured width was changed while a slot was open."""
    for valid_until in (298, 300, 250):
        assert isinstance(span_of(NETWORK, a_slot(valid_until), 200), Postponed)


def test_a_slot_without_a_window_is_none():
    slot = Slot(number=1, network=NETWORK.id, signer="S", sequence=1)
    with pytest.raises(MisuseError):
        span_of(NETWORK, slot, 200)


def test_the_lease_is_the_hash_that_is_documented():
    parts = [
        b"tallystick/algorand/lease/1",
        INSTALLATION.bytes,
        b"algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDe",
        INTENT.organisation.bytes,
        INTENT.operation.bytes,
        bytes(7) + b"\1",
    ]
    message = b"".join(bytes([0, 0, 0, len(part)]) + part for part in parts)
    assert hashlib.sha256(message).digest() == LEASE
    assert len(LEASE) == 32


def test_every_part_of_an_operations_name_is_in_its_lease():
    new = uuid.uuid4
    leases = {
        LEASE,
        lease_of(evolve(INTENT, organisation=OrganisationId(new())), INSTALLATION, NETWORK.id),
        lease_of(evolve(INTENT, operation=OperationId(new())), INSTALLATION, NETWORK.id),
        lease_of(evolve(INTENT, step=2), INSTALLATION, NETWORK.id),
        lease_of(INTENT, InstallationId(new()), NETWORK.id),
        lease_of(INTENT, INSTALLATION, NetworkId("algorand:wGHE2Pwdvd7S12BL5FaOP20EGYesN73k")),
    }
    assert len(leases) == 6


def test_every_part_of_an_operations_name_is_in_its_note():
    new = uuid.uuid4
    notes = {
        note_of(INTENT, INSTALLATION),
        note_of(evolve(INTENT, organisation=OrganisationId(new())), INSTALLATION),
        note_of(evolve(INTENT, operation=OperationId(new())), INSTALLATION),
        note_of(evolve(INTENT, step=2), INSTALLATION),
        note_of(INTENT, InstallationId(new())),
    }
    assert len(notes) == 5


def test_the_note_is_these_bytes():
    assert note_of(INTENT, INSTALLATION) == (
        b'tallystick:j{"i":"ins_01jbrc2aswfn78ym31ea1s99dp",'
        b'"g":"org_01jbrc2000e008000000000001",'
        b'"o":"dep_01jbrc4492ect8ankqh2ctneyc","s":1}'
    )
