"""What the sealer remembers outside the database."""

import pytest
from attrs import evolve

from application.ports.seal_state import SealState
from application.ports.storage.seals import SealerBusyError
from domain.checkpoint import Checkpoint
from domain.merkle import EMPTY_ROOT
from domain.signing import Curve, PublicKey

KEY = PublicKey(Curve.ED25519, bytes(range(32)))
FRESH = SealState.fresh("example.com/audit/ins_1/1", KEY)
SIGNED = SealState(
    checkpoint=Checkpoint(origin=FRESH.checkpoint.origin, size=2**62, root=bytes(range(32))),
    public_key=KEY,
    note="example.com/audit/ins_1/1\n1\nx\n\n— example.com/audit/ins_1/1 AAAA\n",
)


def test_what_was_written_last_is_read(seal_state):
    with seal_state.session() as session:
        assert session.read() is None
        ours = evolve(SIGNED, timeline=7)
        for state in (FRESH, ours, evolve(SIGNED, note="another\n"), SIGNED):
            session.write(state)
            assert session.read() == state
    with seal_state.session() as session:
        assert session.read() == SIGNED


def test_one_has_it_at_a_time(seal_state):
    with seal_state.session() as session:
        session.write(FRESH)
        with pytest.raises(SealerBusyError), seal_state.session():
            pass
        assert session.read() == FRESH
    with seal_state.session() as session:
        assert session.read() == FRESH


def test_whoever_dies_lets_go_of_it(seal_state):
    with pytest.raises(ZeroDivisionError), seal_state.session():
        raise ZeroDivisionError
    with seal_state.session() as session:
        assert session.read() is None


def test_a_fresh_state_is_of_the_empty_tree():
    assert (FRESH.checkpoint.size, FRESH.checkpoint.root) == (0, EMPTY_ROOT)
    assert FRESH.note is None
    with pytest.raises(ValueError, match="before it was signed"):
        evolve(SIGNED, note=None)
