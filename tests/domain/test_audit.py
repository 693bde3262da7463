"""Audit events as bytes: canonical, restricted, and frozen."""

import hashlib
import json
from collections import OrderedDict
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum
from http import HTTPStatus
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import rfc8785
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import (
    KINDS,
    LEAF_DOMAIN,
    WORKER,
    Actor,
    AuditDraft,
    canonical,
    details_of,
    timestamp,
)
from domain.errors import MisuseError
from domain.identifiers import EventId, OrganisationId, Prefix, public_id

unicode_texts = st.text(st.characters(codec="utf-8"))
keys = st.text(st.characters(max_codepoint=127))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | unicode_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)

DRAFT = AuditDraft(
    id=EventId(UUID("0188bac7-4afa-78aa-bc3b-bd1eef28d881")),
    organisation=OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057")),
    at=datetime(2026, 11, 20, 12, 0, 0, 7, tzinfo=UTC),
    actor=Actor("member", "mem_01h2xcejqtf2nbrexx3vqjhp41"),
    action="deployment.queued",
    subject="dep_01h2xcejqtf2nbrexx3vqjhp41",
    live=False,
    correlation="dep_01h2xcejqtf2nbrexx3vqjhp41",
    request_id="req_1",
    details={"credits": 5, "name": "Zoë \u2028 \U0001f4b6", "b": [1, None, True], "a": {}},
    salt=bytes(range(16)),
)

#: Written down once.  A sealed tree holds such bytes for ever: they never change.
BODY = (
    '{"action":"deployment.queued",'
    '"actor":{"id":"mem_01h2xcejqtf2nbrexx3vqjhp41","kind":"member"},'
    '"api_version":"2026-11-01","at":"2026-11-20T12:00:00.000007Z",'
    '"correlation_id":"dep_01h2xcejqtf2nbrexx3vqjhp41",'
    '"details":{"a":{},"b":[1,null,true],"credits":5,"name":"Zoë \u2028 \U0001f4b6"},'
    '"id":"evt_01h2xcejqtf2nbrexx3vqjhp41","live":false,'
    '"organisation":"org_01h455vb4pex5vsknk084sn02q","request_id":"req_1","schema":1,'
    '"sequence":42,"subject":"dep_01h2xcejqtf2nbrexx3vqjhp41"}'
)


@given(values)
def test_canonical_bytes_are_those_of_rfc_8785(value: object):
    assert canonical(value) == rfc8785.dumps(value)


def test_values_of_other_classes_are_written_as_what_they_are():
    value = MappingProxyType(
        {Prefix.HOLD: (Prefix.EVENT, HTTPStatus.OK), "in": OrderedDict(b=None, a=[True, False])}
    )
    assert canonical(value) == b'{"hold":["evt",200],"in":{"a":[true,false],"b":null}}'


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        {"ä": 1},
        {1: 1},
        {1: 1, "1": 1},
        {"a": 1, True: 1},
        IntEnum("Large", {"ONE": 2**53}).ONE,
        {"a": [{"b": 0.5}]},
        b"bytes",
        {1, 2},
        1j,
        "\ud800",
        {"\ud800": 1},
    ],
    ids=repr,
)
def test_what_has_no_one_form_everywhere_is_refused(value: object):
    with pytest.raises(MisuseError):
        canonical(value)


def test_the_largest_safe_integers_are_written():
    assert canonical([2**53 - 1, -(2**53) + 1]) == b"[9007199254740991,-9007199254740991]"


def test_body_and_leaf_are_frozen():
    event = DRAFT.numbered(42)
    assert event.body == BODY.encode()
    assert event.leaf == b"tallystick.audit.v1\0" + bytes(range(16)) + BODY.encode()
    assert hashlib.sha256(b"\0" + event.leaf).hexdigest() == GOLDEN_LEAF_HASH
    assert len(LEAF_DOMAIN) == 20


#: RFC 6962 leaf hash of the event above, computed once with sha256sum.
GOLDEN_LEAF_HASH = "21e8e5d65cb0d0e3b0e40c984951bc69474d9863f899763bc1732fa872ce872c"


def test_the_body_reads_back_as_what_was_said():
    content = DRAFT.numbered(42).content()
    assert content["details"] == DRAFT.details
    assert content["sequence"] == 42


drafts = st.builds(
    evolve,
    st.just(DRAFT),
    actor=st.builds(Actor, st.sampled_from(KINDS), st.none() | unicode_texts),
    action=unicode_texts,
    subject=unicode_texts,
    live=st.booleans(),
    correlation=unicode_texts,
    request_id=st.none() | unicode_texts,
    details=st.dictionaries(keys, values, max_size=4),
    id=st.uuids(),
    organisation=st.uuids(),
    at=st.datetimes(timezones=st.timezones()),
)


@given(drafts, st.integers(1, 2**53 - 1))
def test_a_body_is_in_the_canonical_form_of_what_it_says(draft: AuditDraft, sequence: int):
    body = draft.numbered(sequence).body
    said = json.loads(body)
    assert body == rfc8785.dumps(said)
    assert said == {
        "action": draft.action,
        "actor": {"id": draft.actor.id, "kind": draft.actor.kind},
        "api_version": "2026-11-01",
        "at": timestamp(draft.at),
        "correlation_id": draft.correlation,
        "details": draft.details,
        "id": public_id(Prefix.EVENT, draft.id),
        "live": draft.live,
        "organisation": public_id(Prefix.ORGANISATION, draft.organisation),
        "request_id": draft.request_id,
        "schema": 1,
        "sequence": sequence,
        "subject": draft.subject,
    }


@pytest.mark.parametrize(
    "change",
    [{"details": {"a": 1.0}}, {"details": {"ä": 1}}, {"action": "\ud800"}, {"subject": b"x"}],
    ids=repr,
)
def test_what_has_no_one_form_is_in_no_body(change: dict[str, object]):
    with pytest.raises(MisuseError):
        evolve(DRAFT, **change).numbered(1)


def test_a_place_and_a_salt_make_another_leaf():
    leaves = {
        DRAFT.numbered(1).leaf,
        DRAFT.numbered(2).leaf,
        evolve(DRAFT, salt=bytes(16)).numbered(1).leaf,
    }
    assert len(leaves) == 3


@pytest.mark.parametrize("length", [0, 15, 17])
def test_a_salt_has_sixteen_bytes(length: int):
    with pytest.raises(ValueError):
        evolve(DRAFT, salt=bytes(length))


def test_the_salt_is_not_shown():
    assert "salt" not in repr(DRAFT)
    assert "salt" not in repr(DRAFT.numbered(1))


def test_an_actor_is_one_of_four_kinds():
    assert WORKER.id is None
    with pytest.raises(ValueError):
        Actor("root")


def test_the_hour_that_a_clock_shows_twice_has_two_timestamps():
    """Such datetimes equal each other, and are not the same instant."""
    berlin = ZoneInfo("Europe/Berlin")
    summer = datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    winter = summer.replace(fold=1)
    assert timestamp(summer) == "2026-10-25T00:30:00.000000Z"
    assert timestamp(winter) == "2026-10-25T01:30:00.000000Z"


def test_a_timestamp_is_utc_with_microseconds_wherever_it_was_taken():
    instant = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(instant) == "2025-12-31T23:30:00.000000Z"
    with pytest.raises(MisuseError):
        timestamp(datetime(2026, 1, 1))  # noqa: DTZ001 - that is what is refused


class Colour(Enum):
    RED = "red"


@frozen(kw_only=True)
class Inner:
    seen: tuple[int, ...] = (1, 2)
    secret: bytes = field(default=b"s", repr=False)


@frozen(kw_only=True)
class Happened:
    id: UUID = field(default=UUID(int=1))
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    colour: Colour = Colour.RED
    flag: bool = True
    small: int = 5
    large: int = 2**60
    digest: bytes = b"\x01\xff"
    nothing: str | None = None
    inner: Inner = field(factory=Inner)
    map: dict[str, int] = field(factory=lambda: {"a": 2**70})


def test_details_are_restricted_json_without_secrets_and_absent_values():
    details = details_of(Happened())
    assert details == {
        "id": "00000000-0000-0000-0000-000000000001",
        "at": "2026-01-01T00:00:00.000000Z",
        "colour": "red",
        "flag": True,
        "small": 5,
        "large": "1152921504606846976",
        "digest": "01ff",
        "inner": {"seen": [1, 2]},
        "map": {"a": str(2**70)},
    }
    canonical(details)


def test_details_refuse_what_they_do_not_know():
    with pytest.raises(MisuseError):
        details_of(evolve(Happened(), colour=1.5))
