"""What a transaction has read is not asked for again, unless it may be otherwise by now."""

import re

import psycopg
import pytest

from adapters.postgres import queries
from adapters.postgres.access import ACCESS
from adapters.postgres.ledger import LEDGER
from adapters.postgres.transaction import changes
from application.ports.storage.work import Scope
from domain.catalogue import TariffName
from domain.licence import LicenceState
from tests.adapters.postgres.residents import NOW
from tests.catalogue import ENTERPRISE, FREE

FILES = sorted(
    file.name
    for file in (queries.resources.files("adapters.postgres") / "sql").iterdir()
    if file.name.endswith(".sql")
)


def change(url, resident, tariff):
    """As somebody else does, who has committed when this returns."""
    with psycopg.connect(url, autocommit=True) as administrator:
        changed = administrator.execute(
            "UPDATE organisations SET tariff = %s WHERE id = %s",
            (tariff, resident.scope.organisation),
        )
        assert changed.rowcount == 1


def tariff_of(work):
    return work.organisations.get().tariff


def other_than(tariff) -> TariffName:
    return FREE if tariff == ENTERPRISE else ENTERPRISE


def test_a_question_is_asked_once(url, store, ada):
    with store.begin(ada.scope) as work:
        before = tariff_of(work)
        change(url, ada, other_than(before))
        assert tariff_of(work) == before
    with store.begin(ada.scope) as work:
        assert tariff_of(work) == other_than(before)


@pytest.mark.parametrize("first", ["lock", "stand_in_line"])
def test_it_is_asked_again_under_a_lock(url, store, ada, first):
    with store.begin(ada.scope) as work:
        before = tariff_of(work)
        change(url, ada, other_than(before))
        getattr(work.ledger, first)()
        assert tariff_of(work) == other_than(before)
        # That lock is held: nobody is waited for, and nothing was written.
        change(url, ada, before)
        work.ledger.lock()
        work.ledger.stand_in_line()
        assert tariff_of(work) == other_than(before)
        work.ledger.lock(now=NOW)
        assert tariff_of(work) == before


def test_it_is_asked_again_after_something_was_written(url, store, ada):
    with store.begin(ada.scope) as work:
        tariff, licence = tariff_of(work), work.licences.get()
        told = next(each for each in LicenceState if each is not licence.told)
        work.licences.put(type(licence)(arranged_at=NOW, told=told, due_at=None))
        assert work.licences.get().told is told
        change(url, ada, other_than(tariff))
        assert tariff_of(work) == tariff_of(work)
        work.organisations.set_tariff(tariff)
        assert tariff_of(work) == tariff


def test_what_is_known_is_asked_again_with_a_lock_beside_it(url, store, ada):
    organisation = (ACCESS["select_organisation"], {})
    wallet = (LEDGER["lock_wallet"], {})
    with store.transaction(ada.scope) as transaction:
        ((before,),) = transaction.read(organisation)
        change(url, ada, other_than(before["tariff"]))
        assert transaction.read(organisation) == [[before]]
        (after,), (_,) = transaction.read(organisation, wallet)
        assert after["tariff"] == other_than(before["tariff"])
        assert transaction.read(wallet, organisation)[1] == [after]


def test_another_question_is_another_one(store, ada, eve):
    with store.begin(ada.scope) as work:
        mine = work.organisations.get()
    with store.begin(eve.scope) as work:
        assert work.organisations.get() != mine
    with store.begin(Scope()) as work:
        assert work.organisations.get() is None


@pytest.mark.parametrize("file", FILES)
def test_whatever_may_write_is_known_to(url, file):
    """By what the database says of the functions that a query calls."""
    with psycopg.connect(url) as administrator:
        volatile = [
            name
            for (name,) in administrator.execute(
                "SELECT proname FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace"
                " WHERE provolatile = 'v' AND nspname IN ('public', 'narrow')"
            )
        ]
    for name, query in queries.load(file).items():
        calls = [each for each in volatile if re.search(rf"\b{each}\(", query)]
        is_dml = query.lstrip().partition(" ")[0] in {"INSERT", "UPDATE", "DELETE"}
        if (
            calls
            or is_dml
            or re.search(r"\)\s*RETURNING|FOR (UPDATE|NO KEY|SHARE|KEY SHARE)", query)
        ):
            assert changes(query), f"{file}: {name} calls {calls}"
