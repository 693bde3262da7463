"""A node that is of another chain, silent, rude or mad."""

import base64
import time
from datetime import timedelta
from uuid import UUID

import msgpack
import pytest
from attrs import evolve

from adapters.algorand import connect
from adapters.algorand.development import NotADevelopmentNodeError, fund
from adapters.algorand.meeting import Meeting
from application.ports.chain import (
    ChainUnavailableError,
    Forecast,
    HistoryUnavailableError,
    WrongChainError,
)
from application.ports.nodes import Endpoint
from domain.errors import Refusal
from domain.identifiers import InstallationId, OperationId, OrganisationId
from domain.network import Block
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Expired,
    Final,
    Hint,
    Intent,
    LeaseWindow,
    NoEffect,
    Postponed,
    SignedTransaction,
    Slot,
    Verdict,
    WaitReason,
)
from tests.adapters.algorand.canned import (
    GENESIS,
    HASH,
    ID,
    NETWORK,
    PARAMETERS,
    SUBMIT,
    account,
    canned,
    parameters,
)
from tests.adapters.algorand.on_devnet.world import NOW, UNIQUE, Account, a_network
from tests.adapters.algorand.on_devnet.world import PARAMETERS as TOKENS

INSTALLATION = InstallationId(UUID(int=1))
TREASURY, ISSUER = Account(), Account()
#: Both begin with mFgazF-2uRS1tMiL9dsj01hJGySEmPN2: only the whole hash tells them apart.
BETANET = "mFgazF+2uRS1tMiL9dsj01hJGySEmPN28B/TjjvpVW0="
NOT_BETANET = "mFgazF+2uRS1tMiL9dsj01hJGySEmPN2OvOTQHJ6iQg="
FIRST_HASH = "GET /v2/blocks/1/hash"


@pytest.fixture
def chain(node):
    return connect(a_network(NETWORK, GENESIS, window=150), node.endpoint, INSTALLATION)


@pytest.fixture
def intent(chain):
    return Intent(
        organisation=OrganisationId(UUID(int=2)),
        operation=OperationId(UUID(int=3)),
        step=1,
        token=chain.token(UNIQUE, TOKENS[UNIQUE]),
        owner=ISSUER.address,
        sender=TREASURY.address,
    )


@pytest.fixture
def slot(chain, intent):
    terms = chain.slot_terms(intent)
    assert isinstance(terms, LeaseWindow)
    return Slot(
        number=1,
        network=chain.network.id,
        signer=intent.sender,
        lease=terms.lease,
        valid_until=terms.valid_until,
    )


@pytest.fixture
def attempted(node, chain, intent, slot):
    """The slot with an attempt, and the attempt."""
    for address in (TREASURY.address, ISSUER.address):
        node.answers[f"GET /v2/accounts/{address}"] = account()
    draft = chain.prepare(intent, slot, AttemptRole.EFFECT, 10_000)
    assert isinstance(draft, Draft)
    keys = {each.address: each for each in (TREASURY, ISSUER)}
    transaction = chain.assemble(
        draft, [keys[each.signer].sign(each.message) for each in draft.signables]
    )
    attempt = Attempt(
        number=1,
        transaction_id=transaction.id,
        raw=transaction.raw,
        body=draft.body,
        fee_cap=draft.fee_cap,
        signed_at=NOW,
    )
    return slot.with_attempt(attempt), transaction


def questions(chain, intent, slot):
    """Every question there is."""
    transaction = SignedTransaction(id=slot.attempts[0].transaction_id, raw=slot.attempts[0].raw)
    return {
        "plan": lambda: chain.plan(intent),
        "preflight": lambda: chain.preflight(intent, 10_000),
        "slot_terms": lambda: chain.slot_terms(intent),
        "prepare": lambda: chain.prepare(intent, slot, AttemptRole.EFFECT, 10_000),
        "submit": lambda: chain.submit(transaction),
        "outcome": lambda: chain.outcome(slot),
        "effect_of": lambda: chain.effect_of(intent),
        "read_back": lambda: chain.read_back(intent, "7"),
        "head": chain.head,
        "block_at": lambda: chain.block_at(7),
        "signer_state": lambda: chain.signer_state(TREASURY.address),
    }


QUESTIONS = (
    "plan", "preflight", "slot_terms", "prepare", "submit", "outcome", "effect_of", "read_back",
    "head", "block_at", "signer_state",
)  # fmt: skip


@pytest.fixture
def patience(monkeypatch):
    """Time passes when the test says so; returns how."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


# The right chain.


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_node_of_another_chain_is_told_at_once(node, intent, attempted, question):
    slot, _ = attempted
    fresh = connect(a_network(NETWORK, GENESIS, window=150), node.endpoint, INSTALLATION)
    node.answers[PARAMETERS] = parameters(genesis_hash=BETANET)
    before = len(node.asked)
    with pytest.raises(WrongChainError, match="genesis"):
        questions(fresh, intent, slot)[question]()
    assert set(node.asked[before:]) == {PARAMETERS}


@pytest.mark.parametrize(
    ("name", "configured", "found"),
    [
        # Same name, another chain: a wallet library ships this wrong hash.
        ("algorand:mFgazF-2uRS1tMiL9dsj01hJGySEmPN2", BETANET, NOT_BETANET),
        ("algorand:mFgazF-2uRS1tMiL9dsj01hJGySEmPN2", NOT_BETANET, BETANET),
        # The configured hash is not that of the configured name.
        (NETWORK, BETANET, BETANET),
        ("algorand:mFgazF+2uRS1tMiL9dsj01hJGySEmPN2", BETANET, BETANET),
    ],
)
def test_the_whole_hash_and_the_name_must_be_right(node, name, configured, found):
    node.answers[PARAMETERS] = parameters(genesis_hash=found)
    chain = connect(a_network(name, configured), node.endpoint, INSTALLATION)
    with pytest.raises(WrongChainError):
        chain.block_at(1)


def test_the_right_chain_is_the_right_chain(node):
    node.answers[PARAMETERS] = parameters(genesis_hash=BETANET)
    network = a_network("algorand:mFgazF-2uRS1tMiL9dsj01hJGySEmPN2", BETANET)
    assert connect(network, node.endpoint, INSTALLATION).block_at(101) is None


def test_what_is_signed_is_compared_every_time(node, chain, intent, attempted):
    slot, _ = attempted
    node.answers[PARAMETERS] = parameters(genesis_hash=BETANET)
    with pytest.raises(WrongChainError):
        chain.prepare(intent, slot, AttemptRole.EFFECT, 10_000)


def test_a_node_is_met_again_after_five_seconds(node, patience):
    node.answers[FIRST_HASH] = {"blockHash": HASH}
    chain = connect(a_network(NETWORK, GENESIS), node.endpoint, INSTALLATION)
    for _ in range(3):
        chain.block_at(1)
    assert node.asked.count(PARAMETERS) == 1
    patience(4.9)
    chain.block_at(1)
    assert node.asked.count(PARAMETERS) == 1
    patience(0.2)
    node.answers[PARAMETERS] = parameters(genesis_hash=BETANET)
    with pytest.raises(WrongChainError):
        chain.block_at(1)
    with pytest.raises(WrongChainError):
        chain.block_at(1)


def test_a_node_is_met_again_after_a_lost_connection(node, chain):
    node.answers[FIRST_HASH] = {"blockHash": HASH}
    chain.block_at(1)
    node.answers[FIRST_HASH] = 0, b""
    with pytest.raises(ChainUnavailableError):
        chain.block_at(1)
    node.answers[PARAMETERS] = parameters(genesis_hash=BETANET)
    with pytest.raises(WrongChainError):
        chain.block_at(1)


def test_a_node_is_met_again_after_a_submission_that_got_no_answer(node, chain, attempted):
    _, transaction = attempted
    node.answers[SUBMIT] = 0, b""
    assert chain.submit(transaction).verdict is Verdict.UNKNOWN
    node.answers[PARAMETERS] = parameters(genesis_hash=BETANET)
    with pytest.raises(WrongChainError):
        chain.submit(transaction)


@pytest.mark.parametrize(
    ("network", "url"),
    [
        (evolve(a_network(NETWORK, GENESIS), id="eip155:1"), "http://a.example"),
        (a_network(NETWORK, None), "http://a.example"),
        (a_network(NETWORK, GENESIS), "file:///etc/passwd"),
        (a_network(NETWORK, GENESIS), "a.example"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_before_anybody_is_asked(network, url):
    with pytest.raises(ValueError):
        connect(network, Endpoint(url=url), INSTALLATION)


KEY = "0123456789abcdef0123456789abcdef"
ODD = [
    f"bad\0{KEY}" + "x" * 10_000, BETANET + "\n", BETANET[:-1], HASH + "H", HASH + "\n", HASH[1:],
    HASH.lower(), "0" * 52, "", 7,
]  # fmt: skip


def is_no_answer(node, question):
    there = Endpoint(url=node.url.replace("//", f"//who:{KEY}@"))
    with pytest.raises(ChainUnavailableError) as raised:
        question(connect(a_network(NETWORK, GENESIS, window=150), there, INSTALLATION))
    told = str(raised.value)
    assert (KEY in told, "\0" in told, len(told) < 200) == (False, False, True)


@pytest.mark.parametrize("hash", ODD, ids=lambda each: ascii(each)[:20])
def test_what_cannot_be_a_hash_is_none(node, attempted, hash):
    node.answers[FIRST_HASH] = {"blockHash": hash}
    is_no_answer(node, lambda chain: chain.block_at(1))
    slot, _ = attempted
    over(node, slot, {70: [hash]})
    is_no_answer(node, lambda chain: chain.outcome(slot))
    node.answers[PARAMETERS] = parameters(genesis_hash=hash)
    is_no_answer(node, lambda chain: chain.block_at(1))


# Silence and nonsense.


NONSENSE = [
    (200, b"not JSON"),
    (200, b""),
    (200, b"\xff\xfe"),
    (200, b"[" * 5_000),
    (200, b"[]"),
    (200, b"null"),
    (200, b'"text"'),
    (200, b"{}"),
    (200, b'{"last-round": "7"}'),
    (0, b""),
    (500, b'{"message": "x"}'),
    (502, b"<html>"),
    (503, b'{"message": "operation not available during catchup"}'),
    (400, b'{"message": "nonsense"}'),
    (400, b"[]"),
    (400, b"\xff"),
    (401, b'{"message": "Invalid API Token"}'),
    (403, b""),
    (429, b"slow down"),
    (302, b""),
]


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda each: f"{each[0]} {each[1][:20]!r}")
@pytest.mark.parametrize("question", [q for q in QUESTIONS if q != "submit"])
def test_nonsense_is_no_answer(node, intent, attempted, question, answer):
    """Whichever of the questions behind it the nonsense is said to."""
    slot, transaction = attempted
    said = dict(node.answers) | {
        f"GET /v2/transactions/pending/{transaction.id}": {"pool-error": ""},
        "POST /v2/transactions/simulate": {"txn-groups": [{}]},
        "GET /v2/blocks/100/hash": {"blockHash": HASH},
        "GET /v2/blocks/7/hash": {"blockHash": HASH},
        "GET /v2/assets/7": {"params": {}},
    }
    good = connect(a_network(NETWORK, GENESIS, window=150), node.endpoint, INSTALLATION)
    node.answers = dict(said)
    before = len(node.asked)
    try:
        questions(good, intent, slot)[question]()
    except ChainUnavailableError:
        assert question == "read_back"
    for asked in set(node.asked[before:]):
        node.answers = dict(said) | {asked: answer}
        fresh = connect(a_network(NETWORK, GENESIS, window=150), node.endpoint, INSTALLATION)
        with pytest.raises(ChainUnavailableError):
            questions(fresh, intent, slot)[question]()


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda each: f"{each[0]} {each[1][:20]!r}")
def test_nonsense_after_a_submission_is_unknown(node, chain, attempted, answer):
    _, transaction = attempted
    node.answers[SUBMIT] = answer
    submission = chain.submit(transaction)
    assert (submission.verdict, submission.hint) == (Verdict.UNKNOWN, Hint.NONE)


def test_bytes_that_never_left_are_no_submission(node, chain, attempted):
    _, transaction = attempted
    fresh = connect(chain.network, node.endpoint, INSTALLATION)
    node.answers[PARAMETERS] = 503, b""
    before = len(node.asked)
    with pytest.raises(ChainUnavailableError):
        fresh.submit(transaction)
    assert SUBMIT not in node.asked[before:]


def test_bytes_that_found_no_connection_are_no_submission_either(chain, attempted):
    """A pool may then believe the other nodes, if all of them reject."""
    _, transaction = attempted
    with canned() as node:
        gone = connect(chain.network, node.endpoint, INSTALLATION)
        gone.block_at(101)
        node.answers[SUBMIT] = 0, b""
        assert gone.submit(transaction).verdict is Verdict.UNKNOWN
        gone.block_at(101)
    with pytest.raises(ChainUnavailableError, match="send_raw_transaction: ConnectionRefused"):
        gone.submit(transaction)
    with pytest.raises(ChainUnavailableError, match="algod_request: ConnectionRefused"):
        gone.submit(transaction)


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"message": "malformed: " + "x" * 10_000}),
        (400, {"message": "x" * 10_000}),
        (403, {"message": "x" * 10_000}),
        {"txId": "x" * 10_000},
    ],
)
def test_what_a_node_says_of_a_submission_has_an_end(node, chain, attempted, answer):
    _, transaction = attempted
    node.answers[SUBMIT] = answer
    assert len(chain.submit(transaction).detail) == 500


def test_what_a_node_says_of_a_simulation_has_an_end(node, chain, intent, attempted):
    node.answers[f"GET /v2/accounts/{TREASURY.address}"] = account(10**9)
    node.answers[SIMULATE] = fails("x" * 10_000)
    assert len(chain.plan(intent).detail) < 600


def test_a_node_that_calls_the_group_otherwise_is_not_believed(node, chain, attempted):
    _, transaction = attempted
    node.answers[SUBMIT] = {"txId": transaction.id}  # the second one, and the first is meant
    assert chain.submit(transaction).verdict is Verdict.UNKNOWN


def test_silence_is_told_in_time(node, chain):
    def slowly():
        time.sleep(1)
        return {}

    fresh = connect(chain.network, node.endpoint, INSTALLATION, timedelta(seconds=0.2))
    node.answers[PARAMETERS] = slowly
    began = time.monotonic()
    with pytest.raises(ChainUnavailableError):
        fresh.head()
    assert time.monotonic() - began < 0.9


def test_nobody_there_is_no_answer(chain):
    lonely = connect(chain.network, Endpoint(url="http://127.0.0.1:1"), INSTALLATION)
    with pytest.raises(ChainUnavailableError):
        lonely.head()


# What is not there, or not there any more.


def test_only_a_round_that_the_node_has_not_reached_has_no_block(node, chain):
    assert chain.block_at(101) is None
    node.answers["GET /v2/blocks/100/hash"] = {"blockHash": HASH}
    assert chain.block_at(100) == Block(number=100, hash=HASH)
    for gone in (0, 1, 99):
        with pytest.raises(HistoryUnavailableError, match=f"round {gone} .*archival"):
            chain.block_at(gone)


def test_a_block_that_comes_while_it_is_asked_for_is_not_a_forgotten_one(node, chain):
    answers = iter([(404, {"message": "not yet"}), {"blockHash": HASH}])
    node.answers["GET /v2/blocks/101/hash"] = lambda: next(answers)
    node.answers[PARAMETERS] = parameters(101)
    assert chain.block_at(101) == Block(number=101, hash=HASH)


@pytest.mark.parametrize(
    ("first_seen", "closing"), [(0, 149), (100, 149), (148, 149), (149, 299), (150, 299)]
)
def test_absence_is_lasting_when_all_is_over_that_was_signed_before_the_node_was_first_seen(
    node, chain, intent, first_seen, closing
):
    """A slot in round r is the cell of r + 1, and a restored backup may have forgotten it."""
    fresh = connect(chain.network, node.endpoint, INSTALLATION)
    node.answers[PARAMETERS] = parameters(first_seen)
    for at in (first_seen, closing - 1, closing, closing + 1, closing + 1_000):
        node.answers[f"GET /v2/accounts/{ISSUER.address}"] = account(round=at)
        node.answers[f"GET /v2/blocks/{at}/hash"] = {"blockHash": HASH}
        assert fresh.effect_of(intent) == NoEffect(
            Block(number=at, hash=HASH), is_lasting=at >= closing
        )
        node.answers[PARAMETERS] = parameters(at)


def test_what_was_first_seen_stays_so_however_often_the_node_is_met(node, chain, intent, patience):
    chain.block_at(101)
    for at in (140, 149):
        patience(6)
        node.answers[PARAMETERS] = parameters(at)
        node.answers[f"GET /v2/accounts/{ISSUER.address}"] = account(round=at)
        node.answers[f"GET /v2/blocks/{at}/hash"] = {"blockHash": HASH}
        assert chain.effect_of(intent).is_lasting is (at == 149)
    patience(6)
    node.answers[PARAMETERS] = parameters(160)
    chain.block_at(161)
    assert chain.effect_of(intent).is_lasting


# What is told to whom.


def test_a_node_is_given_its_token(node):
    endpoint = Endpoint(url=node.url + "/", token="secret")
    node.answers[FIRST_HASH] = {"blockHash": HASH}
    connect(a_network(NETWORK, GENESIS), endpoint, INSTALLATION).block_at(1)
    assert set(node.tokens) == {"secret"}
    assert node.asked == [PARAMETERS, FIRST_HASH]


def test_a_password_in_a_url_is_not_told():
    endpoint = Endpoint(url="http://user:secret@127.0.0.1:1/secret", token="secret")
    chain = connect(a_network(NETWORK, GENESIS), endpoint, INSTALLATION)
    with pytest.raises(ChainUnavailableError) as raised:
        chain.head()
    assert "secret" not in str(raised.value)
    assert "127.0.0.1" in str(raised.value)
    assert "secret" not in repr(chain)
    assert raised.value.__cause__ is None


# Judging a submission.


OVERLAPPING = f"transaction T using an overlapping lease (sender, lease):({ISSUER.address}, L)"


@pytest.mark.parametrize(
    ("remembered", "verdict"),
    [
        ({"confirmed-round": 5, "pool-error": ""}, Verdict.ALREADY_KNOWN),
        ({"pool-error": ""}, Verdict.ALREADY_KNOWN),
        ({"pool-error": "transaction T using an overlapping lease"}, Verdict.UNKNOWN),
        ((404, {"message": "could not find the transaction"}), Verdict.UNKNOWN),
        ((503, b""), Verdict.UNKNOWN),
        (b"not JSON", Verdict.UNKNOWN),
    ],
)
def test_a_lease_may_be_held_by_the_very_same_bytes(node, chain, attempted, remembered, verdict):
    _, transaction = attempted
    node.answers[SUBMIT] = 400, {"message": f"TransactionPool.Remember: {OVERLAPPING}"}
    node.answers[f"GET /v2/transactions/pending/{transaction.id}"] = remembered
    submission = chain.submit(transaction)
    assert submission.verdict is verdict
    if verdict is Verdict.UNKNOWN:
        assert submission.hint is Hint.SLOT_TAKEN


@pytest.mark.parametrize("status", [401, 403, 404, 413, 500, 503])
def test_only_a_refusal_of_the_bytes_is_judged_by_its_words(node, chain, attempted, status):
    _, transaction = attempted
    words = "At least one signature didn't pass verification"
    node.answers[SUBMIT] = 400, {"message": words}
    assert chain.submit(transaction).verdict is Verdict.REJECTED
    node.answers[SUBMIT] = status, {"message": words}
    assert chain.submit(transaction).verdict is Verdict.UNKNOWN


# Simulations.


SIMULATE = "POST /v2/transactions/simulate"


def fails(message):
    return {"version": 2, "txn-groups": [{"failure-message": message, "failed-at": [1]}]}


@pytest.mark.parametrize(
    "message",
    [
        f"transaction T: overspend (account {TREASURY.address}, data {{}}, tried to spend {{1}})",
        f"transaction T: account {TREASURY.address} balance 1 below min 100000 (0 assets)",
    ],
)
def test_an_empty_treasury_hinders_no_plan(node, chain, intent, attempted, message):
    node.answers[f"GET /v2/accounts/{TREASURY.address}"] = account(10**9)
    node.answers[SIMULATE] = fails(message)
    assert isinstance(chain.plan(intent), Forecast)
    answer = chain.preflight(intent, 10_000)
    assert isinstance(answer, Postponed)
    assert answer.reason is WaitReason.TREASURY_EMPTY


@pytest.mark.parametrize("lacking", [0, 1])
def test_a_balance_is_looked_at_whatever_a_simulation_says(
    node, chain, intent, attempted, lacking
):
    cost, kept = 2 * 1_000 + 200_000, 100_000
    node.answers[f"GET /v2/accounts/{TREASURY.address}"] = account(cost + kept - lacking)
    node.answers[SIMULATE] = fails("")
    answer = chain.preflight(intent, 10_000)
    assert (answer is None) == (not lacking)


def test_what_fails_for_another_reason_cannot_work(node, chain, intent, attempted):
    node.answers[f"GET /v2/accounts/{TREASURY.address}"] = account(10**9)
    node.answers[SIMULATE] = fails("transaction T: logic eval error: it is Tuesday")
    for answer in (chain.plan(intent), chain.preflight(intent, 10_000)):
        assert isinstance(answer, Refusal)
        assert answer.code == "deployment_would_revert"
        assert "Tuesday" in answer.detail
    node.answers[SIMULATE] = fails("")
    assert chain.preflight(intent, 10_000) is None


def test_a_simulation_that_comes_too_late_says_nothing(node, chain, intent, attempted):
    """A node that catches up may pass a whole window between two questions."""
    node.answers[f"GET /v2/accounts/{TREASURY.address}"] = account(10**9)
    node.answers[SIMULATE] = fails("txn dead: round 300 outside of 100--250")
    for ask in (lambda: chain.plan(intent), lambda: chain.preflight(intent, 10_000)):
        with pytest.raises(ChainUnavailableError, match="too late"):
            ask()


def test_a_simulation_is_of_unsigned_transactions_under_nobodys_lease(
    node, chain, intent, attempted
):
    slot, _ = attempted
    node.answers[SIMULATE] = fails("")
    chain.plan(intent)
    asked = msgpack.unpackb(node.bodies[node.asked.index(SIMULATE)])
    assert asked["allow-empty-signatures"] is True
    payment, creation = asked["txn-groups"][0]["txns"]
    assert "sig" not in payment | creation
    assert len(creation["txn"]["lx"]) == 32
    assert creation["txn"]["lx"] != slot.lease


# Blocks that lie.


def packed(**block):
    return msgpack.packb({"block": block})


def over(node, slot, blocks):
    """The window has passed, and these are its transactions."""
    node.answers[PARAMETERS] = parameters(slot.valid_until + 1)
    node.answers[f"GET /v2/blocks/{slot.valid_until + 1}/hash"] = {"blockHash": HASH}
    for number in range(1, slot.valid_until + 2):
        node.answers[f"GET /v2/blocks/{number}/txids"] = {"blockTxids": blocks.get(number, [])}


def test_a_block_that_contradicts_itself_is_no_answer(node, chain, attempted):
    slot, transaction = attempted
    over(node, slot, {70: [ID, transaction.id]})
    entry = {"txn": {"snd": bytes(32), "type": "acfg"}, "caid": 7}
    for content in (
        packed(rnd=70, txns=[entry]),
        packed(rnd=71, txns=[entry, entry]),
        packed(rnd=70),
        packed(rnd=70, txns=[entry, {"txn": {"type": "acfg"}, "caid": 7}]),
        packed(rnd=70, txns=[entry, {"txn": {"snd": bytes(32)}}]),
        packed(rnd=70, txns=[entry, {"txn": {"snd": bytes(32)}, "caid": "7"}]),
        packed(rnd=70, txns=[entry, {"txn": {"snd": bytes(32), "amt": "1"}, "caid": 7}]),
        packed(rnd=70, txns=7),
        b"\xc1",
        b"",
        packed(rnd=70, txns=[entry, entry])[:-1],
    ):
        node.answers["GET /v2/blocks/70"] = content
        node.answers["GET /v2/blocks/70/hash"] = {"blockHash": HASH}
        with pytest.raises(ChainUnavailableError):
            chain.outcome(slot)


@pytest.mark.parametrize("missing", [1, 75, 149])
def test_one_missing_block_of_the_window_leaves_it_open(node, chain, attempted, missing):
    slot, _ = attempted
    over(node, slot, {})
    assert slot.valid_until == 149
    node.answers[f"GET /v2/blocks/{missing}/txids"] = 404, {"message": "failed to retrieve"}
    with pytest.raises(
        HistoryUnavailableError, match=f"rounds 1 to 149.*round {missing}.*archival"
    ):
        chain.outcome(slot)


def test_a_block_that_tells_no_ids_is_not_an_empty_one(node, chain, attempted):
    slot, _ = attempted
    over(node, slot, {})
    assert isinstance(chain.outcome(slot), Expired)
    for nothing in ({}, {"blockTxids": None}, {"blockTxids": [None]}, b"not JSON", b""):
        over(node, slot, {})
        node.answers["GET /v2/blocks/75/txids"] = nothing
        with pytest.raises(ChainUnavailableError):
            chain.outcome(slot)


@pytest.mark.parametrize("number", [1, 2, 75, 148, 149])
def test_an_attempt_is_found_in_whatever_block_of_the_window(node, chain, attempted, number):
    slot, transaction = attempted
    over(node, slot, {number: [ID, transaction.id]})
    entry = {"txn": {"snd": bytes(32)}, "caid": 7}
    node.answers[f"GET /v2/blocks/{number}"] = packed(rnd=number, txns=[entry, entry])
    node.answers[f"GET /v2/blocks/{number}/hash"] = {"blockHash": HASH}
    outcome = chain.outcome(slot)
    assert isinstance(outcome, Final)
    assert outcome.inclusion.block == Block(number=number, hash=HASH)
    assert outcome.token == "7"


def test_an_attempt_that_may_land_later_than_its_slot_is_not_over(node, chain, attempted):
    """Nothing of ours signs such a thing; if it ever did, its window would be the longer one."""
    slot, _ = attempted
    shorter = evolve(slot, valid_until=slot.valid_until - 1)
    over(node, shorter, {})
    with pytest.raises(ChainUnavailableError):
        chain.outcome(shorter)


def test_a_confirmed_attempt_counts_before_one_in_a_pool(node, chain, attempted):
    slot, transaction = attempted
    newer = evolve(slot.attempts[0], number=2, transaction_id="NEWER")
    node.answers["GET /v2/transactions/pending/NEWER"] = {"pool-error": ""}
    known = {"pool-error": "", "confirmed-round": 5, "asset-index": 7}
    node.answers[f"GET /v2/transactions/pending/{transaction.id}"] = known
    node.answers["GET /v2/blocks/5/hash"] = {"blockHash": HASH}
    for attempts in ((*slot.attempts, newer), (newer, *slot.attempts)):
        outcome = chain.outcome(evolve(slot, attempts=attempts))
        assert isinstance(outcome, Final)
        assert outcome.inclusion.transaction_id == transaction.id


@pytest.mark.parametrize("assets", [None, []])
def test_an_account_that_does_not_tell_all_its_assets_proves_no_absence(
    node, chain, intent, assets
):
    node.answers["GET /v2/blocks/100/hash"] = {"blockHash": HASH}
    told = account() | {"created-assets": assets}
    node.answers[f"GET /v2/accounts/{ISSUER.address}"] = told | {"total-created-assets": 0}
    assert isinstance(chain.effect_of(intent), NoEffect)
    node.answers[f"GET /v2/accounts/{ISSUER.address}"] = told | {"total-created-assets": 1}
    with pytest.raises(ChainUnavailableError):
        chain.effect_of(intent)


def test_an_account_too_large_to_tell_is_no_absence(node, chain, intent):
    message = {"message": "Result limit exceeded", "data": {"total-assets-opted-in": 100_001}}
    node.answers[f"GET /v2/accounts/{ISSUER.address}"] = 400, message
    with pytest.raises(ChainUnavailableError, match="more than"):
        chain.effect_of(intent)


def test_a_name_that_is_no_utf8_is_compared_by_its_bytes(node, chain, intent):
    """A node tells such a name in base64 only, and it is not the one that was asked for."""
    params = {
        "creator": ISSUER.address,
        "decimals": 0,
        "default-frozen": False,
        "total": 1,
        "name-b64": base64.b64encode(b"\xff").decode(),
        "unit-name": "DEED",
    }
    created = [{"index": 7, "params": params}]
    node.answers[f"GET /v2/accounts/{ISSUER.address}"] = account(created_assets=created)
    node.answers["GET /v2/blocks/100/hash"] = {"blockHash": HASH}
    assert chain.effect_of(intent).at.hash == HASH


def test_a_block_without_its_time_is_not_an_old_one(node, chain, intent):
    """It would make every asset too old to be ours."""
    asked = evolve(intent, operation=OperationId(UUID("0192f0c2-1122-7334-8556-778899aabbcc")))
    params = {"creator": ISSUER.address, "decimals": 0, "default-frozen": False, "total": 1}
    created = [{"index": 7, "params": params | {"name": "Deed", "unit-name": "DEED"}}]
    node.answers[f"GET /v2/accounts/{ISSUER.address}"] = account(created_assets=created)
    node.answers["GET /v2/blocks/100/hash"] = {"blockHash": HASH}
    asked_at = 1_730_616_103  # in that id, and some
    for ts, is_known in ((asked_at - 600, True), (asked_at - 599, False)):
        node.answers["GET /v2/blocks/100"] = packed(rnd=100, tc=9, ts=ts)
        if is_known:
            assert isinstance(chain.effect_of(asked), NoEffect)
        else:
            with pytest.raises(HistoryUnavailableError):
                chain.effect_of(asked)
    for nothing in ({}, {"ts": None}, {"ts": "1"}, {"ts": 2**64 - 1}):
        node.answers["GET /v2/blocks/100"] = packed(rnd=100, tc=9, **nothing)
        with pytest.raises(ChainUnavailableError):
            chain.effect_of(asked)


# Money for development.


def test_money_comes_from_development_nodes_only(node):
    fund_route = "POST /devnet/fund"
    node.answers[fund_route] = {"txid": "T"}
    fund(node.url, "A", 5)
    assert node.bodies[-1] == b'{"address": "A", "amount": 5}'
    for status in (400, 404, 405, 500):
        node.answers[fund_route] = status, b"no"
        with pytest.raises(NotADevelopmentNodeError):
            fund(node.url, "A", 5)
    node.answers[fund_route] = 0, b""
    with pytest.raises(ChainUnavailableError):
        fund(node.url, "A", 5)
    with pytest.raises(NotADevelopmentNodeError):
        fund("file:///x", "A", 5)


def test_a_meeting_is_forgotten_where_it_fails(node, chain, patience):
    meeting = Meeting(chain._reader)
    meeting.hold()
    patience(6)
    node.answers[PARAMETERS] = 503, b""
    with pytest.raises(ChainUnavailableError):
        meeting.hold()
    patience(-3)
    with pytest.raises(ChainUnavailableError):
        meeting.hold()
