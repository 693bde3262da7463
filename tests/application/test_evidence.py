"""Evidence about a deployment, judged by the verifier that shares no code with us."""

import json
from base64 import b64decode
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from attrs import evolve

from adapters.memory.storage.retention import MemoryArchives
from application.access.caller import Caller
from application.audit.trail import Trail
from application.credits.post import post
from application.deployments.approve import DecideApproval
from application.deployments.request import DeploymentRequest
from application.evidence.give import GiveEvidence, Pack
from application.evidence.prove import Proof, ProveConsistency, ProveEvent, Receipt
from application.ports.storage.work import Scope
from domain.anchor import Anchor
from domain.approval import Approval, Verdict
from domain.audit import WORKER, Actor
from domain.checkpoint import Checkpoint
from domain.deployment import Completed, Deployment, EffectFound, ReadBack, State, StepFinal
from domain.errors import Refusal
from domain.identifiers import (
    INSTALLATION,
    EventId,
    InstallationId,
    MemberId,
    NetworkId,
    OperationId,
    Prefix,
    public_id,
)
from domain.ledger import Release
from domain.merkle import verify_consistency, verify_inclusion
from domain.network import Block
from domain.operation import (
    Attempt,
    AttemptOrigin,
    Inclusion,
    OperationKind,
    Slot,
    Step,
    TransactionId,
)
from domain.organisation import PERMISSIONS, Role
from tallystick_verifier import Given, NamedKey, verify
from tests.application.house import House
from tests.application.sealing import Sealing

INSTALLATION_ID = InstallationId(UUID("01900000-0000-7000-8000-00000000000a"))
ORIGIN = f"issue.example.com/audit/{public_id(Prefix.INSTALLATION, INSTALLATION_ID)}/1"


@pytest.fixture
def house():
    return House()


@pytest.fixture
def seal(house):
    return Sealing(house=house, seals=house.store.seal_store(), installation=INSTALLATION_ID)


def asked(house, id, caller: Caller | None = None, **changes):
    give = GiveEvidence(
        store=house.store,
        chains=house.chains,
        clock=house.clock,
        identifiers=house.identifiers,
        installation=INSTALLATION_ID,
        **changes,
    )
    return give(caller or house.caller, id)


def given(house, id, seal, **changes):
    """The file, once it is sealed."""
    asked(house, id, **changes)
    seal()
    pack = asked(house, id, **changes)
    assert isinstance(pack, Pack), pack
    return pack.content


def proved(content, **given):
    report = verify(content, Given(**given))
    assert report.refused is None, report
    return report


def events_of(content):
    return [json.loads(b64decode(each["body"])) for each in json.loads(content)["events"]]


def test_a_deployment_is_proved_to_a_stranger(house, seal):
    id = house.issue().id
    content = given(house, id, seal)
    fingerprint = sha256(seal.key.raw).hexdigest()
    report = proved(content, keys=[NamedKey(fingerprint)])
    told = str(report)
    assert "Queued → Submitted → Pending → Confirmed → Indexed → Completed" in told
    assert "5 credits were held, and captured" in told
    assert json.loads(content)["core"]["deployment"]["result"] == house.get(id).result


def test_whoever_asks_first_gets_a_receipt_and_the_log_is_asked_to_commit_once(house, seal):
    id = house.issue().id
    first, second = asked(house, id), asked(house, id)
    assert type(first) is type(second) is Receipt
    assert first.event == second.event
    assert first.event.action == "evidence.issued"
    assert first.event.content()["actor"]["kind"] == "member"
    seal()
    pack = asked(house, id)
    assert pack.event == first.event
    assert first.leaf_hash == sha256(b"\0" + pack.event.leaf).digest()
    actions = [event.action for event in house.events(id)]
    assert actions.count("evidence.issued") == 1


def test_the_file_stays_as_it_is_while_the_log_grows(house, seal):
    id = house.issue().id
    content = given(house, id, seal)
    house.issue()
    seal()
    assert asked(house, id).content == content


def test_what_is_not_over_has_no_evidence(house):
    id = house.deploy().id
    refused = asked(house, id)
    assert isinstance(refused, Refusal)
    assert refused.code == "evidence_not_ready"
    assert "evidence.issued" not in [event.action for event in house.events(id)]


def test_what_failed_without_effect_has_evidence_and_has_it_anew_after_it_was_tried_again(
    house, seal
):
    id = house.deploy().id
    house.chain.gas_price, price = 10**9, house.chain.gas_price
    house.work(2)
    house.chain.gas_price = price
    assert not isinstance(house.cancel(id), Refusal)
    assert house.get(id).state is State.CANCELLED
    cancelled = proved(given(house, id, seal))
    assert "Queued → Cancelled" in str(cancelled)
    assert "given back" in str(cancelled)


def test_evidence_is_issued_again_after_a_retry(house, seal):
    id = house.deploy().id
    house.chain.refuses = "out of luck"
    house.work_until_done()
    assert house.get(id).state is State.FAILED
    first = given(house, id, seal)
    assert "Queued → Failed" in str(proved(first))
    house.chain.refuses = None
    house.retry(id)
    assert asked(house, id).code == "evidence_not_ready"
    house.work_until_done()
    second = given(house, id, seal)
    report = str(proved(second))
    assert "Queued → Failed → Queued → Submitted" in report
    assert [event["action"] for event in events_of(second)].count("evidence.issued") == 2
    assert "Queued → Failed" in str(proved(first))


def test_credits_that_were_given_back_in_a_transaction_of_their_own_belong_to_it(house, seal):
    """As when a licence ends: the worker fails the deployment only when it next looks."""
    id = house.deploy().id
    deployment = house.get(id)
    trail = Trail(
        identifiers=house.identifiers, organisation=deployment.organisation, actor=WORKER
    )
    with house.store.begin(house.scope) as work:
        work.ledger.lock()
        post(
            work, trail, Release(id=deployment.hold), house.clock.now(), subject=id,
            correlation=deployment.named,
        )  # fmt: skip
        trail.write(work)
    for _ in range(3):
        house.grant(1)
    house.chain.refuses = "out of luck"
    house.work_until_done()
    assert house.get(id).state is State.FAILED
    report = proved(given(house, id, seal))
    assert "5 credits were held, and given back" in str(report)


def test_the_plan_that_was_named_is_the_plan_that_is_proved(house, seal):
    request = DeploymentRequest(network=house.network, token=house.token())
    planned, _ = house.plan()(house.caller, request)
    id = house.issue(deployment=planned.deployment, plan_hash=planned.hash).id
    content = given(house, id, seal)
    assert f"The plan is the one that the request named: {planned.hash.hex()}" in str(
        proved(content)
    )


def test_words_of_the_client_are_told_in_any_script(house, seal):
    metadata = {"Straße": "Größe 1", "abc": "ü\u2028", "名前": "金", "\uffff": "x", "😀": "y"}
    id = house.issue(metadata=metadata, client_reference="Z-1").id
    content = given(house, id, seal)
    proved(content)
    told = json.loads(content)["core"]["deployment"]["metadata"]
    assert told == sorted(([*pair] for pair in metadata.items()), key=lambda p: p[0].encode())


def test_every_bit_of_it_counts(house, seal):
    content = given(house, house.issue().id, seal)
    for place in range(0, len(content), max(len(content) // 400, 1)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        assert verify(bytes(flipped)).refused is not None, place


# Months that have left the database.


def from_then_on(monkeypatch, begins):
    monkeypatch.setattr(MemoryArchives, "begins", lambda _: begins)


def test_what_has_left_the_database_has_no_evidence_any_more(house, seal, monkeypatch):
    id = house.issue().id
    given(house, id, seal)
    from_then_on(monkeypatch, house.clock.now())
    assert asked(house, id).code == "evidence_archived"
    younger = house.issue().id
    assert not isinstance(asked(house, younger), Refusal)


def test_an_account_whose_events_have_left_is_not_told_of(house, seal, monkeypatch):
    house.pass_time(timedelta(days=400))
    id = house.issue().id
    before = given(house, id, seal)
    from_then_on(monkeypatch, house.clock.now() - timedelta(days=1))
    events = house.store._audit.events.rows
    (account,) = [key for key, event in events.items() if event.action == "account.ready"]
    del events[account]
    after = given(house, id, seal)
    assert json.loads(before)["core"]["account"] is not None
    assert json.loads(after)["core"]["account"] is None
    proved(after)
    assert asked(house, id).content == after


# Anchors.


def anchored(house, size, root, network="memory:1", origin=ORIGIN):
    """An anchor that is final, as the workers leave it: the operation, and the event about it."""
    now, checkpoint = house.clock.now(), Checkpoint(origin=origin, size=size, root=root)
    anchor, block = Anchor(checkpoint), Block(number=7, hash="0xb")
    id = TransactionId(f"0x{size:x}")
    attempt = Attempt(
        number=1,
        origin=AttemptOrigin.FOUND,
        transaction_id=id,
        raw=None,
        body=b"",
        fee_cap=0,
        signed_at=now,
        broadcast_at=now,
    )
    inclusion = Inclusion(transaction_id=id, block=block, succeeded=True, cost=1)
    operation = Deployment(
        organisation=INSTALLATION,
        id=anchor.operation(NetworkId(network), now),
        kind=OperationKind.ANCHOR,
        network=NetworkId(network),
        live=False,
        account=None,
        requested_by="worker",
        token=anchor.as_token(),
        sender="0xtreasury",
        owner="0xtreasury",
        predicted="0xtreasury",
        fee_ceiling=1,
        credits=0,
        accepted_at=now,
        steps=(Step(number=1, name="anchor"),),
        waiting_since=now,
    )
    queued = operation
    for event in (
        EffectFound(
            step=1,
            attempt=attempt,
            slot=Slot(number=size, network=NetworkId(network), signer="0xtreasury"),
        ),
        StepFinal(step=1, inclusion=inclusion, token="0xtreasury"),
        ReadBack(token="0xtreasury"),
        Completed(credits=0),
    ):
        operation = operation.apply(event)
    trail = Trail(identifiers=house.identifiers, organisation=INSTALLATION, actor=WORKER)
    trail.add(
        "checkpoint.anchored",
        operation.named,
        now,
        details={
            "origin": origin,
            "size": size,
            "root": root.hex(),
            "network": network,
            "transaction_id": id,
            "block": {"hash": "0xb", "number": 7},
        },
    )
    with house.store.begin(Scope.installation()) as work:
        work.networks.register(evolve(house.chain.network, id=queued.network))
        work.deployments.add(queued, now)
        trail.write(work)
    with house.store.begin(Scope.installation()) as work:
        work.deployments.lock(operation.id)
        work.deployments.put(operation, now, None)


def test_anchors_are_in_the_file_once_they_are_sealed_and_then_it_stays(house, seal):
    id = house.issue().id
    early = seal()
    anchored(house, early.checkpoint.size, early.checkpoint.root)
    before = given(house, id, seal, anchors=[NetworkId("memory:1")])
    assert "this pack has no anchor; later ones may have, on memory:1" in str(proved(before))
    house.issue()
    covering = seal().checkpoint
    anchored(house, covering.size, covering.root)
    anchored(house, covering.size, covering.root, network="memory:2")
    anchored(house, covering.size, covering.root, origin=f"{ORIGIN}1")
    assert asked(house, id).content == before
    seal()
    after = asked(house, id).content
    told = str(proved(after))
    assert "are said to be anchored on memory:1" in told
    assert "are said to be anchored on memory:2" in told
    assert after != before
    house.issue()
    latest = seal().checkpoint
    anchored(house, latest.size, latest.root)
    seal()
    assert asked(house, id).content == after


def test_the_first_anchor_that_covers_is_found_behind_any_number_of_others(house, seal):
    """Those of another log, which a restore has ended, cover nothing of this one."""
    id = house.issue().id
    content = given(house, id, seal)
    for size in range(1, 151):
        anchored(house, size, bytes(32), origin=f"{ORIGIN}1")
    covering = seal().checkpoint
    anchored(house, covering.size, covering.root)
    seal()
    found = asked(house, id).content
    assert found != content
    said = f"begins with the {covering.size} events that are said to be anchored on memory:1"
    assert said in str(proved(found))


def test_after_a_new_log_was_opened_the_file_rests_on_it_and_names_the_key_that_it_takes(
    house, seal
):
    id = house.issue().id
    before = given(house, id, seal)
    old = NamedKey(sha256(seal.key.raw).hexdigest(), ORIGIN)
    seal.log = seal.open_log("a restored backup", closing=1)
    seal()
    after = asked(house, id).content
    named = f"{ORIGIN[:-1]}2"
    new = NamedKey(sha256(seal.key.raw).hexdigest(), named)
    refused = verify(after, Given(keys=[old])).refused
    assert refused.code == "other_key"
    assert f"of the log {named}" in refused.found
    assert f"for {named}" in str(proved(after, keys=[old, new]))
    assert f"for {ORIGIN}" in str(proved(before, keys=[old, new]))
    assert verify(before, Given(keys=[new])).refused.code == "other_key"


# Who may, and whose it is.


@pytest.mark.parametrize("role", Role)
def test_who_may_read_the_audit_may_have_evidence(house, role):
    id = house.issue().id
    answer = asked(house, id, evolve(house.caller, permissions=PERMISSIONS[role]))
    may = role in {Role.OWNER, Role.COMPLIANCE, Role.AUDITOR}
    assert isinstance(answer, Receipt) is may
    assert isinstance(answer, Refusal) is not may


def test_a_strangers_deployment_is_as_unknown_as_no_deployment(house):
    id = house.issue().id
    stranger = house.neighbour()
    unknown = asked(stranger, OperationId(house.identifiers.next()))
    assert asked(stranger, id) == unknown
    assert unknown.code == "not_found"


def test_a_key_of_the_other_mode_is_refused(house):
    id = house.issue().id
    assert asked(house, id, evolve(house.caller, live=True)).code == "mode_mismatch"


def test_an_order_about_a_token_has_no_evidence_of_its_own(house):
    token = house.issue()
    order = house.operate(token.id)
    house.work_until_done()
    assert asked(house, order.id).code == "not_found"


# Proofs of events.


def test_an_event_is_proved_to_whoever_has_the_checkpoint(house, seal):
    id = house.issue().id
    event = house.events(id)[0]
    prove = ProveEvent(store=house.store)
    receipt = prove(house.caller, event.id)
    assert type(receipt) is Receipt
    first = seal()
    house.issue()
    second = seal()
    for size, signed in ((None, first), (second.checkpoint.size, second)):
        proof = prove(house.caller, event.id, size)
        assert isinstance(proof, Proof)
        assert proof.checkpoint == signed
        checkpoint = signed.checkpoint
        assert verify_inclusion(
            receipt.leaf_hash, proof.index, checkpoint.size, proof.path, checkpoint.root
        )
        head, _, rest = proof.text.partition("\n\n")
        assert rest == signed.note
        version, extra, index, *path = head.split("\n")
        assert (version, index) == ("c2sp.org/tlog-proof@v1", f"index {proof.index}")
        assert len(path) == len(proof.path)
        assert extra.startswith("extra ")
    assert prove(house.caller, event.id, first.checkpoint.size + 1).code == "not_found"
    assert prove(house.caller, EventId(house.identifiers.next())).code == "not_found"
    assert prove(house.neighbour().caller, event.id).code == "not_found"


def test_one_log_begins_another(house, seal):
    prove = ProveConsistency(store=house.store)
    assert prove(1, 1, None).code == "not_found"
    house.issue()
    first = seal().checkpoint
    house.issue()
    second = seal().checkpoint
    proof = prove(first.size, second.size, None)
    assert verify_consistency(first.size, second.size, first.root, second.root, proof.path)
    assert prove(first.size, second.size, 1) == proof
    assert prove(first.size, second.size, 2).code == "not_found"
    assert prove(second.size, first.size, None).code == "not_found"
    assert prove(first.size, second.size + 1, None).code == "not_found"


# Damage.


def test_what_is_not_what_was_sealed_is_not_handed_out(house, seal):
    id = house.issue().id
    given(house, id, seal)
    event = house.events(id)[1]
    key = (event.organisation, event.sequence)
    rows = house.store._audit.events.rows
    rows[key] = evolve(event, body=event.body.replace(b"slot", b"slit"))
    refused = asked(house, id)
    assert refused.code == "evidence_damaged"
    assert public_id(Prefix.EVENT, event.id) in refused.detail
    assert ProveEvent(store=house.store)(house.caller, event.id).code == "evidence_damaged"
    del rows[key]
    assert asked(house, id).code == "evidence_damaged"


def test_who_approved_which_plan_is_in_the_pack(house, seal):
    with house.store.begin(house.scope) as work:
        work.approvals.need(needed=True)
    plan, _ = house.plan()(
        house.caller, DeploymentRequest(network=house.network, token=house.token())
    )
    id = house.deploy(deployment=plan.deployment, plan_hash=plan.hash).id
    house.work(rounds=3)
    assert house.get(id).state is State.QUEUED
    second = evolve(house.caller, member=MemberId(house.identifiers.next()))
    second = evolve(second, actor=Actor("member", public_id(Prefix.MEMBER, second.member)))
    decide = DecideApproval(store=house.store, clock=house.clock, identifiers=house.identifiers)
    assert isinstance(decide(second, id, Verdict.APPROVED, plan.hash), Approval)
    house.work_until_done()
    content = given(house, id, seal)
    proved(content)
    (approved,) = (each for each in events_of(content) if each["action"] == "approval.given")
    assert approved["actor"]["id"] == second.name
    assert approved["details"]["plan_hash"] == plan.hash.hex()
    (asked_for,) = (e for e in events_of(content) if e["action"] == "approval.requested")
    assert asked_for["details"]["requested_by"] == house.caller.name
    assert asked_for["sequence"] < approved["sequence"]
