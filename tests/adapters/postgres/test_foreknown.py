"""What is found beforehand is what would have been found, and is not asked for again."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from adapters.postgres import foreknown
from adapters.postgres.dialogue import Dialogue
from application.ports.storage.foreseen import Foreseen
from domain.abuse import Spending
from domain.allowance import monthly_facts
from domain.identifiers import Prefix, public_id
from tests.adapters.postgres.residents import NETWORK, NOW, TREASURY
from tests.catalogue import STARTER
from tests.contract.tenants import a_grant, a_hold, a_tenant, act


@pytest.fixture(params=["who has everything", "who has nothing"])
def somebody(request, store, ada):
    """Their scope, and whoever asks in it: a member, and an API key of theirs."""
    if request.param == "who has nothing":
        tenant = a_tenant(store)
        return tenant.scope, [public_id(Prefix.MEMBER, tenant.member)]
    with store.begin(ada.scope) as work:
        key = work.api_keys.get(ada.api_key)
    member = public_id(Prefix.MEMBER, key.created_by)
    return ada.scope, [member, public_id(Prefix.API_KEY, key.id)]


def foreseen_of(scope, asker):
    return Foreseen(
        network=NETWORK.id,
        family=NETWORK.family,
        live=False,
        asker=asker,
        spenders=[asker, public_id(Prefix.ORGANISATION, scope.organisation)],
        facts=monthly_facts(scope.organisation, NOW),
    )


def test_each_answer_is_what_its_question_finds(store, somebody):
    scope, askers = somebody
    for asker in askers:
        foreseen = foreseen_of(scope, asker)
        with store.transaction(scope) as transaction:
            found = transaction.read(*foreknown.questions(foreseen))
            answers = list(foreknown.answers(foreseen, found))
            asked = transaction.batch([question for question, _ in answers])
        for (question, known), each in zip(answers, asked, strict=True):
            columns = set(each.rows[0]) if each.rows else set()
            same = [{name: row[name] for name in columns} for row in known]
            assert same == each.rows, question


def test_nothing_of_it_is_asked_again(monkeypatch, store, somebody):
    scope, askers = somebody
    asked, ask = [], Dialogue.ask

    def counted(dialogue, statements):
        asked.extend(query for query, _ in statements)
        return ask(dialogue, statements)

    monkeypatch.setattr(Dialogue, "ask", counted)
    for asker in askers:
        foreseen = foreseen_of(scope, asker)
        with store.begin(scope) as work:
            work.ledger.stand_in_line(foreseen)
            asked.clear()
            read(work, foreseen)
            assert asked == []
            # Nor where the wallet is read, whose lock is held: that was foreseen as well.
            work.ledger.lock(now=NOW)
            asked.clear()
            read(work, foreseen)
            assert asked == []


@pytest.mark.parametrize("begun", [False, True])
def test_whoever_waited_for_the_lock_finds_what_its_holder_has_left(store, url, begun):
    """Each statement behind the lock has a snapshot of its own, from after the wait."""
    tenant = a_tenant(store, granted=10)
    member = public_id(Prefix.MEMBER, tenant.member)
    foreseen = foreseen_of(tenant.scope, member)
    spent, fact = Spending(buckets=((NOW, 9),)), foreseen.facts[0]

    def come_second():
        with store.begin(tenant.scope) as work:
            if begun:
                work.organisations.get()
            work.ledger.stand_in_line(foreseen)
            return (
                work.organisations.get().tariff,
                work.approvals.are_needed(),
                work.spendings.get([member])[member],
                work.ledger.granted([fact]),
                work.ledger.lock(now=NOW).available,
            )

    def come_second_unforeseen():
        with store.begin(tenant.scope) as work:
            return work.ledger.lock(now=NOW).available

    with ThreadPoolExecutor(2) as others:
        with store.begin(tenant.scope) as work:
            work.ledger.stand_in_line()
            waiting = [others.submit(come) for come in (come_second, come_second_unforeseen)]
            wait_until_they_wait(url, len(waiting))
            work.organisations.set_tariff(STARTER)
            work.approvals.need(needed=True)
            work.spendings.put({member: spent})
            act(work, a_grant(7, fact=fact))
            act(work, a_hold(9))
        foreknown_, found = (each.result(30) for each in waiting)
    assert foreknown_ == (STARTER, True, spent, {fact: 7}, 8)
    assert found == 8


def wait_until_they_wait(url, number):
    """For a lock, on this database."""
    blocked = """
        SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    deadline = time.monotonic() + 10
    with psycopg.connect(url, autocommit=True) as administrator:
        while administrator.execute(blocked).fetchone() != (number,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def read(work, foreseen):
    """All that was foreseen."""
    work.organisations.get()
    work.licences.get()
    work.approvals.are_needed()
    work.accounts.chosen()
    work.accounts.find(NETWORK.family, live=False)
    work.signers.treasury(NETWORK.id)
    work.signers.holding(NETWORK.id, TREASURY)
    work.spendings.get(foreseen.spenders)
    work.ledger.granted(foreseen.facts)
