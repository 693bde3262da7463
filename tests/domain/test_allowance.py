"""What a tariff gives every month, against a model of one integer."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.allowance import MOST_PARTS, due, monthly_facts
from domain.identifiers import OrganisationId
from domain.ledger import Source

ORGANISATION = OrganisationId(UUID("019a9ff0-0000-7000-8000-000000000001"))
NOW = datetime(2026, 12, 5, 12, tzinfo=UTC)
FACTS = monthly_facts(ORGANISATION, NOW)


@given(st.lists(st.sampled_from([0, 25, 250, 2_500, 10_000]), max_size=30))
def test_a_month_gives_the_most_that_was_due_at_any_time(entitlements):
    granted, most = {}, 0
    for entitled in entitlements:
        most = max(most, entitled)
        found = due(entitled, FACTS, granted, NOW)
        if found is not None:
            assert found.fact not in granted
            granted[found.fact] = found.credits
        assert sum(granted.values()) == most
        assert due(entitled, FACTS, granted, NOW) is None


def test_facts_say_the_month_in_utc():
    assert len(set(FACTS)) == len(FACTS) == MOST_PARTS
    assert FACTS[0].startswith("plan:free:org_")
    assert FACTS[0].endswith(":2026-12")
    assert FACTS[1] == f"{FACTS[0]}:2"
    assert monthly_facts(ORGANISATION, datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == FACTS
    assert not set(FACTS) & set(monthly_facts(ORGANISATION, datetime(2027, 1, 1, tzinfo=UTC)))
    other = OrganisationId(UUID("019a9ff0-0000-7000-8000-000000000002"))
    assert not set(FACTS) & set(monthly_facts(other, NOW))


def test_after_the_last_part_nothing_more_is_given():
    granted = dict.fromkeys(FACTS, 1)
    assert due(10_000, FACTS, granted, NOW) is None


def test_what_is_given_is_good_until_the_month_is_over():
    allowance = due(25, FACTS, {}, NOW)
    lot = allowance.lot(ORGANISATION, NOW)
    assert (lot.source, lot.amount, lot.remaining) == (Source.PLAN, 25, 25)
    assert (lot.effective_at, lot.expires_at) == (NOW, datetime(2027, 1, 1, tzinfo=UTC))
    assert lot == allowance.lot(ORGANISATION, NOW), "the same lot before it is given as after"
    assert (
        lot.id
        != due(25, monthly_facts(ORGANISATION, lot.expires_at), {}, NOW).lot(ORGANISATION, NOW).id
    )
