"""Whoever has the database changes the past: each way is named, or listed as beyond reach.

Real deployments on a real node, in a real PostgreSQL, sealed by the real sealer.  Each test has
a copy of that database and does to it what somebody might, as its superuser or with a role that
was stolen; then `tallystick verify audit` and the stand-alone verifier are asked.
"""

from __future__ import annotations

import copy as copies
import json
import secrets
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from attrs import define
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InsufficientPrivilege

from adapters import local_keys
from adapters.local_keys import Verification
from adapters.postgres import connect, open_books, seal_store
from adapters.system import SealStateFile
from application.audit.logs import fingerprint
from application.evidence.give import GiveEvidence, Pack
from application.evidence.rebuild import Kept
from application.evidence.verify import VerifyAudit
from domain.audit import LEAF_DOMAIN, canonical
from domain.checkpoint import Checkpoint, Note
from domain.errors import Refusal
from domain.identifiers import OperationId, Prefix, public_id
from domain.merkle import Frontier, leaf_hash
from domain.signing import Curve, PublicKey, Purpose, Signature
from tallystick_verifier import Given, NamedKey, verify
from tests.application.mortal import Fate
from tests.application.sealing import Sealing
from tests.contract.subjects.postgres import APPLICATION, SEALER, application_url, sealer_url
from tests.contract.tenants import at_once
from tests.postgres_and_anvil.house import RealHouse, a_house


@define
class Past:
    """What was there before anybody touched it, and what readers have kept of it."""

    house: RealHouse
    sealing: Sealing
    deployment: OperationId
    #: A file that a stranger has.
    pack: bytes
    #: Signed checkpoints that readers have: before the second deployment, and after it.
    notes: tuple[str, str]
    #: The trail's first number of the second deployment.
    between: int
    #: About which nobody has asked for evidence yet.
    second: OperationId

    @property
    def organisation(self) -> UUID:
        return self.house.registered.organisation.id

    @property
    def key(self) -> str:
        return fingerprint(self.sealing.key)


@pytest.fixture(scope="module")
def past(anvil, server_url, tmp_path_factory) -> Iterator[Past]:
    with a_house(anvil) as house:
        state = SealStateFile(tmp_path_factory.mktemp("sealer") / "state.json")
        sealing = Sealing(
            house=house,
            seals=seal_store(sealer_url(house.url)),
            installation=house.installation,
            state=state,
            verifies=Verification(),
        )
        first = issued(house)
        early = sealing()
        between = len(house.all_events())
        second = issued(house)
        assert not isinstance(give(house.store, house, first), Refusal)
        late = sealing()
        pack = give(house.store, house, first)
        assert isinstance(pack, Pack)
        house.store.close()
        yield Past(
            house=house,
            sealing=sealing,
            deployment=first,
            pack=pack.content,
            notes=(early.note, late.note),
            between=between,
            second=second,
        )


def issued(house: RealHouse) -> OperationId:
    id = house.deploy().id
    house.lives(Fate({}))
    house.is_paid_once(id)
    return id


def custodian(store: Any) -> Any:
    """Whoever has the database and the master key has every key in it."""
    return local_keys.connect(store, {1: bytes(32)})


def give(store: Any, house: RealHouse, id: OperationId) -> Any:
    return GiveEvidence(
        store=store,
        chains=house.chains,
        clock=house.clock,
        identifiers=house.identifiers,
        installation=house.installation,
    )(house.caller, id)


@define
class Copy:
    """The database as somebody else finds it."""

    past: Past
    url: str

    def sql(self, statement: str, **names: object) -> list[tuple[Any, ...]]:
        """As the superuser, with every trigger asleep; *organisation* is named."""
        with psycopg.connect(self.url) as connection:
            connection.execute("SET session_replication_role = replica")
            cursor = connection.execute(
                statement, {"organisation": self.past.organisation, **names}
            )
            assert cursor.rowcount, f"nothing happened by {statement}"
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, **names: object) -> Any:
        ((found,),) = self.sql(statement, **names)
        return found

    @contextmanager
    def store(self) -> Iterator[Any]:
        store = connect(application_url(self.url), min_size=1, max_size=4)
        store.open()
        try:
            yield store
        finally:
            store.close()

    def differences(self, **kept: Any) -> set[str]:
        """What `tallystick verify audit` names."""
        with self.store() as store:
            organisations = [each.organisation for each in open_books(self.url).volumes()]
            verdict = VerifyAudit(store=store, verifies=Verification())(
                organisations, Kept(**kept)
            )
        return set(verdict.differences.counts)

    def asked(self) -> Any:
        """The evidence that is handed out from here."""
        with self.store() as store:
            return give(store, self.past.house, self.past.deployment)

    def tree(self) -> list[bytes]:
        found = self.sql("SELECT hash FROM audit_leaves WHERE log = 1 ORDER BY position")
        return [bytes(hash) for (hash,) in found]

    def rebuild(self) -> Checkpoint:
        """Leaves, tiles and the newest checkpoint's root anew, from the events that are there."""
        self.sql("ALTER TABLE audit_tiles DISABLE TRIGGER USER; SELECT 1")
        rows = self.sql("SELECT organisation_id, sequence, salt, body FROM audit_events")
        for organisation, sequence, salt, body in rows:
            self.sql(
                "UPDATE audit_leaves SET hash = %(hash)s"
                " WHERE organisation_id = %(of)s AND sequence = %(sequence)s",
                of=organisation,
                sequence=sequence,
                hash=leaf_hash(LEAF_DOMAIN + bytes(salt) + bytes(body)),
            )
        leaves = self.tree()
        for index in range(0, len(leaves), 256):
            self.sql(
                "UPDATE audit_tiles SET hashes = %(hashes)s WHERE level = 0 AND index = %(index)s",
                hashes=b"".join(leaves[index : index + 256]),
                index=index // 256,
            )
        frontier, _ = Frontier().appended(leaves)
        return Checkpoint(
            origin=self.past.sealing.opened.origin, size=frontier.size, root=frontier.root
        )

    def publish(self, checkpoint: Checkpoint, note: str) -> None:
        self.sql(
            "UPDATE audit_checkpoints SET root = %(root)s, note = %(note)s WHERE size = %(size)s",
            root=checkpoint.root,
            note=note,
            size=checkpoint.size,
        )

    def forget_older_checkpoints(self) -> None:
        self.sql(
            "DELETE FROM audit_checkpoints WHERE size < (SELECT max(size) FROM audit_checkpoints)"
        )


@pytest.fixture
def copy(past) -> Iterator[Copy]:
    source = conninfo_to_dict(past.house.url)["dbname"]
    name = f"tampered_{secrets.token_hex(6)}"
    server = make_conninfo(past.house.url, dbname="postgres")
    with psycopg.connect(server, autocommit=True) as administrator:
        administrator.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
    try:
        yield Copy(past, make_conninfo(past.house.url, dbname=name))
    finally:
        with psycopg.connect(server, autocommit=True) as administrator:
            administrator.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


EVENT = "FROM audit_events WHERE organisation_id = %(organisation)s AND sequence = %(sequence)s"


def of_the_deployment(copy: Copy, action: str) -> int:
    return copy.one(
        "SELECT sequence FROM audit_events"
        " WHERE organisation_id = %(organisation)s AND action = %(action)s ORDER BY sequence"
        " LIMIT 1",
        action=action,
    )


def edit(copy: Copy, sequence: int, before: bytes, after: bytes) -> None:
    body = bytes(copy.one(f"SELECT body {EVENT}", sequence=sequence))
    assert before in body
    copy.sql(
        "UPDATE audit_events SET body = %(body)s"
        " WHERE organisation_id = %(organisation)s AND sequence = %(sequence)s",
        sequence=sequence,
        body=body.replace(before, after),
    )


def stranger_holds(pack: bytes, past: Past) -> Any:
    """What a stranger with the key's fingerprint makes of a file."""
    return verify(pack, Given(keys=[NamedKey(past.key)])).refused


# Nobody did anything.


def test_what_nobody_has_touched_has_no_differences(copy, past):
    assert copy.differences(key=past.key, notes=past.notes) == set()
    assert stranger_holds(past.pack, past) is None
    assert copy.asked().content == past.pack


def test_the_file_tells_of_the_custodians_receipts(past):
    told = str(verify(past.pack, Given(keys=[NamedKey(past.key)])))
    assert "receipts of custodians are over what was signed" in told
    assert "and signed by the keys of their accounts" in told
    (last,) = [b64decode(each["body"]) for each in json.loads(past.pack)["events"]][-1:]
    assert json.loads(last)["action"] == "evidence.issued"


def test_many_who_ask_at_once_make_the_log_commit_once(copy, past):
    answers = []
    with copy.store() as store:
        at_once([lambda: answers.append(give(store, past.house, past.second))] * 8)
    assert len({answer.event.id for answer in answers}) == 1
    assert copy.one("SELECT count(*) FROM evidence_packs") == 2
    assert copy.one("SELECT count(*) FROM audit_events WHERE action = 'evidence.issued'") == 2


# As superuser.


def test_an_event_is_edited(copy, past):
    edit(copy, of_the_deployment(copy, "deployment.completed"), b'"credits":5', b'"credits":1')
    assert copy.differences() == {"event_changed"}
    assert copy.asked().code == "evidence_damaged"
    assert stranger_holds(past.pack, past) is None


def test_a_column_is_edited_and_the_body_is_not(copy):
    copy.sql(
        "UPDATE audit_events SET action = 'deployment.failed'"
        " WHERE organisation_id = %(organisation)s AND sequence = %(sequence)s",
        sequence=of_the_deployment(copy, "deployment.completed"),
    )
    assert copy.differences() == {"row_differs"}


def test_an_event_is_deleted(copy):
    copy.sql(f"DELETE {EVENT}", sequence=of_the_deployment(copy, "deployment.completed"))
    assert copy.differences() == {"event_missing", "leaf_without_event"}
    assert copy.asked().code == "evidence_damaged"


def test_an_event_about_credits_is_deleted(copy):
    copy.sql(f"DELETE {EVENT}", sequence=of_the_deployment(copy, "credits.captured"))
    assert copy.differences() == {"event_missing", "leaf_without_event", "counts_differ"}


def test_two_events_change_places(copy):
    one = of_the_deployment(copy, "deployment.queued")
    for from_, to in ((one, -1), (one + 1, one), (-1, one + 1)):
        copy.sql("ALTER TABLE audit_events DROP CONSTRAINT IF EXISTS audit_events_sequence_check;"
                 " SELECT 1")  # fmt: skip
        copy.sql(
            "UPDATE audit_events SET sequence = %(to)s"
            " WHERE organisation_id = %(organisation)s AND sequence = %(from)s",
            **{"from": from_, "to": to},
        )
    assert copy.differences() == {"event_changed", "row_differs"}


INSERT = """
INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt, body)
SELECT organisation_id, %(new)s, gen_random_uuid(), at + interval '1 microsecond' * %(later)s,
       action, subject, live, salt, body
"""


def test_an_event_is_inserted_under_a_number_that_was_given(copy):
    sequence = of_the_deployment(copy, "deployment.queued")
    copy.sql(f"{INSERT} {EVENT}", sequence=sequence, new=sequence, later=1)
    assert {"event_repeated", "row_differs"} <= copy.differences()


def test_an_event_is_inserted_behind_the_last(copy):
    last = copy.one("SELECT max(sequence) FROM audit_events"
                    " WHERE organisation_id = %(organisation)s")  # fmt: skip
    copy.sql(f"{INSERT} {EVENT}", sequence=last, new=last + 1, later=1)
    assert {"event_beyond_head", "row_differs"} <= copy.differences()


def test_the_tail_is_cut_off_and_the_head_set_back(copy, past):
    names = {"between": past.between}
    where = "WHERE organisation_id = %(organisation)s AND sequence > %(between)s"
    copy.sql(f"DELETE FROM audit_events {where}", **names)
    copy.sql("UPDATE audit_heads SET sequence = %(between)s"
             " WHERE organisation_id = %(organisation)s", **names)  # fmt: skip
    assert {"leaf_without_event", "counts_differ"} <= copy.differences()
    copy.sql(f"DELETE FROM audit_leaves {where}", **names)
    found = copy.differences()
    assert "counts_differ" in found
    # The last leaves were of this organisation, or some of another one are behind them.
    assert found & {"tree_too_short", "position_empty"}


def test_the_trail_is_truncated(copy):
    with psycopg.connect(copy.url) as connection:
        connection.execute("TRUNCATE audit_events")
    assert {"event_missing", "leaf_without_event", "counts_differ"} <= copy.differences()
    assert copy.asked().code == "evidence_damaged"


def test_an_organisation_vanishes_with_all_that_it_had(copy, past):
    for table in ("audit_events", "audit_leaves", "journal", "audit_heads", "wallets"):
        copy.sql(f"DELETE FROM {table} WHERE organisation_id = %(organisation)s")
    found = copy.differences()
    assert {"position_empty"} <= found or {"tree_too_short"} <= found


def test_evidence_is_edited(copy, past):
    copy.sql("UPDATE evidence_packs SET core = convert_to(replace(convert_from(core, 'UTF8'),"
             " 'Completed', 'Cancelled'), 'UTF8')")  # fmt: skip
    assert copy.differences() == {"evidence_differs"}
    assert stranger_holds(copy.asked().content, past).code == "core_digest"


# The tree.


def test_an_event_is_edited_and_its_leaf_with_it(copy):
    sequence = of_the_deployment(copy, "deployment.completed")
    edit(copy, sequence, b'"credits":5', b'"credits":1')
    salt, body = copy.sql(f"SELECT salt, body {EVENT}", sequence=sequence)[0]
    copy.sql(
        "UPDATE audit_leaves SET hash = %(hash)s"
        " WHERE organisation_id = %(organisation)s AND sequence = %(sequence)s",
        sequence=sequence,
        hash=leaf_hash(LEAF_DOMAIN + bytes(salt) + bytes(body)),
    )
    assert copy.differences() == {"leaf_differs"}


def test_the_tree_is_rebuilt_over_an_edited_event(copy, past):
    edit(copy, of_the_deployment(copy, "deployment.completed"), b'"credits":5', b'"credits":1')
    copy.rebuild()
    assert copy.differences() == {"checkpoint_root"}
    assert stranger_holds(copy.asked().content, past).code == "not_in_tree"


def test_the_tree_is_rebuilt_and_a_checkpoint_forged_for_it(copy, past):
    edit(copy, of_the_deployment(copy, "deployment.completed"), b'"credits":5', b'"credits":1')
    forged = copy.rebuild()
    copy.forget_older_checkpoints()
    note = Note.parse(past.notes[1])
    copy.publish(forged, str(Note(text=forged.text, signatures=note.signatures)))
    assert copy.differences() == {"checkpoint_unsigned"}
    assert stranger_holds(copy.asked().content, past).code == "note_signature"


def with_a_key_of_ones_own(copy: Copy, past: Past) -> None:
    """The whole log anew, consistent in itself, under the same name and another key."""
    edit(copy, of_the_deployment(copy, "deployment.completed"), b'"credits":5', b'"credits":1')
    forged = copy.rebuild()
    copy.forget_older_checkpoints()
    private = Ed25519PrivateKey.generate()
    key = PublicKey(Curve.ED25519, private.public_key().public_bytes_raw())
    signature = Signature(Curve.ED25519, private.sign(forged.text.encode()))
    copy.publish(forged, str(Note.signed(forged.text, forged.origin, key, signature)))
    copy.sql("UPDATE audit_logs SET public_key = %(raw)s", raw=key.raw)


def test_the_log_is_made_anew_under_another_key(copy, past):
    with_a_key_of_ones_own(copy, past)
    assert copy.differences() == set(), "the database alone does not show it: docs/evidence.md"
    assert copy.differences(key=past.key) == {"other_key"}
    assert copy.differences(notes=[past.notes[0]]) == {"checkpoint_unsigned"}
    assert stranger_holds(copy.asked().content, past).code == "other_key"


def test_the_log_is_made_anew_by_whoever_has_stolen_the_key(copy, past):
    """Beyond reach of everybody who has kept nothing; proof for everybody who has."""
    edit(copy, of_the_deployment(copy, "deployment.completed"), b'"credits":5', b'"credits":1')
    forged = copy.rebuild()
    copy.forget_older_checkpoints()
    log = past.sealing.opened
    with copy.store() as store:
        signing = custodian(store).sign(log.key, forged.text.encode(), Purpose.CHECKPOINT)
    signature = signing.signature
    copy.publish(forged, str(Note.signed(forged.text, log.origin, log.public_key, signature)))
    assert copy.differences(key=past.key) == set()
    assert copy.differences(key=past.key, notes=[past.notes[0]]) >= {"two_histories"}
    assert copy.differences(key=past.key, notes=[past.notes[1]]) == {"two_histories"}
    # The pack that a stranger has, and a checkpoint that is shown to somebody else.
    other = copy.one("SELECT note FROM audit_checkpoints")
    refused = verify(past.pack, Given(keys=[NamedKey(past.key)], checkpoint=other)).refused
    assert refused is not None
    assert refused.code == "two_histories"


# Checkpoints.


def test_a_checkpoint_is_swapped_for_an_older_one(copy, past):
    copy.sql(
        "UPDATE audit_checkpoints SET note = %(note)s"
        " WHERE size = (SELECT max(size) FROM audit_checkpoints)",
        note=past.notes[0],
    )
    assert copy.differences() == {"checkpoint_malformed"}


def test_an_old_state_is_shown_as_if_it_were_the_newest(copy, past):
    copy.sql("DELETE FROM audit_checkpoints"
             " WHERE size = (SELECT max(size) FROM audit_checkpoints)")  # fmt: skip
    assert copy.differences() == set(), "the database alone does not show it: docs/evidence.md"
    assert copy.differences(notes=past.notes) == {"checkpoint_missing"}


def test_a_database_that_lost_what_was_signed_for_is_not_signed_for_again(copy, past):
    """What the sealer keeps outside of the database is ahead of it."""
    where = "WHERE position >= (SELECT min(size) FROM audit_checkpoints)"
    copy.sql(f"DELETE FROM audit_leaves {where}")
    copy.sql("DELETE FROM audit_checkpoints"
             " WHERE size = (SELECT max(size) FROM audit_checkpoints)")  # fmt: skip
    house = copies.copy(past.house)
    with copy.store() as house.store:
        house.custodian = custodian(house.store)
        again = Sealing(
            house=house,
            seals=seal_store(sealer_url(copy.url)),
            installation=house.installation,
            state=past.sealing.state,
            verifies=Verification(),
            log=past.sealing.opened,
        )
        with again.seal.session() as sealer:
            refused = sealer()
    assert isinstance(refused, Refusal)
    assert refused.code == "state_ahead"


# With a role that was stolen.


STOLEN = {
    "UPDATE audit_events SET action = 'x'": APPLICATION,
    "DELETE FROM audit_events": APPLICATION,
    "TRUNCATE audit_events": APPLICATION,
    "DELETE FROM audit_leaves": APPLICATION,
    "UPDATE audit_leaves SET hash = hash": APPLICATION,
    "INSERT INTO audit_leaves VALUES (gen_random_uuid(), 1, 1, 1, gen_random_uuid(), '')":
        APPLICATION,
    "UPDATE audit_tiles SET hashes = hashes": APPLICATION,
    "UPDATE audit_checkpoints SET note = note": APPLICATION,
    "DELETE FROM audit_checkpoints": APPLICATION,
    "UPDATE audit_logs SET public_key = public_key": APPLICATION,
    "UPDATE evidence_packs SET core = core": APPLICATION,
    "DELETE FROM evidence_packs": APPLICATION,
    "SELECT body FROM audit_events": SEALER,
    "UPDATE audit_leaves SET hash = hash ": SEALER,
    "DELETE FROM audit_leaves ": SEALER,
    "DELETE FROM audit_tiles": SEALER,
    "UPDATE audit_checkpoints SET note = note ": SEALER,
    "DELETE FROM audit_checkpoints ": SEALER,
    "UPDATE audit_logs SET public_key = public_key ": SEALER,
}  # fmt: skip


@pytest.mark.parametrize("statement", STOLEN)
def test_a_stolen_role_changes_nothing_of_what_is_there(copy, statement):
    role = STOLEN[statement]
    url = make_conninfo(copy.url, user=role.name, password=role.password)
    with psycopg.connect(url) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)


def test_what_a_stolen_role_adds_in_time_is_sealed_like_the_rest(copy, past):
    """Beyond reach (docs/evidence.md): a lie told in time, in the form of the truth.

    It is found only where it contradicts something: here the journal.
    """
    organisation, id = past.organisation, uuid4()
    with psycopg.connect(application_url(copy.url)) as connection:
        connection.execute(
            "SELECT set_config('app.organisation_id', %s, true)", [str(organisation)]
        )
        ((sequence,),) = connection.execute(
            "UPDATE audit_heads SET sequence = sequence + 1 RETURNING sequence"
        ).fetchall()
        (line,) = connection.execute(
            "SELECT at, subject, live, salt, body FROM audit_events"
            " WHERE action = 'credits.captured' LIMIT 1"
        ).fetchall()
        at, subject, live, salt, body = line
        told = json.loads(body)
        told |= {"id": public_id(Prefix.EVENT, id), "sequence": sequence}
        connection.execute(
            "INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live,"
            " salt, body) VALUES (%s, %s, %s, %s, 'credits.captured', %s, %s, %s, %s)",
            [organisation, sequence, id, at, subject, live, salt, canonical(told)],
        )
    assert copy.differences() == {"counts_differ"}
