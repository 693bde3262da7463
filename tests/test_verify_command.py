"""`tallystick verify ledger`: what it says, and how it ends."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from click.testing import CliRunner

from adapters.memory.clock import MemoryClock
from application.operator.verify_ledger import VerifyLedger
from application.ports.storage.books import Volume
from domain.books import HoldTotals, WalletRow
from domain.books.promises import GiftTotals
from domain.identifiers import OrganisationId, Prefix, public_id
from entrypoints.commands import setting_up
from entrypoints.main import main

ADA, EVE = (OrganisationId(UUID(int=number)) for number in (1, 2))


class Shelf:
    """Books without a line; of the organisations in it some say that they have credits."""

    #: From when on the trail is in the database.
    begins = None

    def __init__(self, **available):
        self.available = {ADA: available["ada"], EVE: available["eve"]}

    def volumes(self):
        return [Volume(organisation=each, lines=0) for each in self.available]

    @contextmanager
    def read(self, organisation):
        yield SimpleNamespace(
            trail_begins=lambda: self.begins,
            wallet=lambda: WalletRow(
                available=self.available[organisation], held=0, debt=0, version=0
            ),
            lots=lambda: iter(()),
            hold_totals=lambda: HoldTotals(count=0, open_count=0, open_amount=0, corrected=0),
            lines=lambda: iter(()),
            events=lambda: iter(()),
            quota_windows=lambda: iter(()),
            licence_changes=list,
            paid=lambda: iter(()),
            gift_totals=lambda: GiftTotals(sent=0, received=0, granted=0),
            gifts=list,
        )


@pytest.fixture
def verify(monkeypatch):
    def run(shelf, *options):
        @contextmanager
        def container(_ctx):
            yield SimpleNamespace(
                books=lambda: shelf,
                clock=MemoryClock,
                verify_ledger=lambda: VerifyLedger(books=shelf),
            )

        monkeypatch.setattr(setting_up, "container", container)
        return CliRunner().invoke(main, ["verify", "ledger", *options])

    return run


def name(organisation):
    return public_id(Prefix.ORGANISATION, organisation)


def test_a_sound_ledger_ends_with_0(verify):
    done = verify(Shelf(ada=0, eve=0))
    assert done.exit_code == 0
    assert "2 organisations, 0 journal lines: every invariant holds" in done.output


def test_what_is_broken_is_named_and_ends_with_1(verify):
    done = verify(Shelf(ada=0, eve=7))
    assert done.exit_code == 1
    for word in ("BROKEN I2", name(EVE), "expected  0", "found     7", "trust the journal"):
        assert word in done.output
    assert name(ADA) not in done.output
    assert "1 with findings" in done.output


def test_a_program_is_told_the_same(verify):
    done = verify(Shelf(ada=3, eve=7), "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["organisations"], told["holds"]) == (2, False)
    assert {each["invariant"] for each in told["findings"]} == {"I2"}
    assert told["counts"] == {name(ADA): {"I2": 2}, name(EVE): {"I2": 2}}
    sound = verify(Shelf(ada=0, eve=0), "--json")
    assert (sound.exit_code, json.loads(sound.stdout)["holds"]) == (0, True)


def test_it_is_said_from_when_on_the_trail_was_compared(verify):
    shelf = Shelf(ada=0, eve=0)
    assert json.loads(verify(shelf, "--json").stdout)["trail_begins"] is None
    shelf.begins = datetime(2026, 2, 1, tzinfo=UTC)
    told = json.loads(verify(shelf, "--json").stdout)
    assert told["trail_begins"] == "2026-02-01T00:00:00.000000Z"
    assert "the trail from 2026-02-01T00:00:00.000000Z on" in verify(shelf).stdout


def test_one_organisation_is_looked_at_alone(verify):
    assert verify(Shelf(ada=0, eve=7), name(ADA)).exit_code == 0
    assert verify(Shelf(ada=0, eve=7), name(EVE)).exit_code == 1


def test_an_organisation_that_is_not_there_is_not_sound(verify):
    stranger = name(OrganisationId(UUID(int=9)))
    done = verify(Shelf(ada=0, eve=0), stranger)
    assert done.exit_code == 1
    assert "there is no organisation" in done.stderr
