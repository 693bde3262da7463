"""What a node's chain runs: nothing is signed for programs that it would refuse."""

from uuid import UUID

import pytest
from attrs import evolve

from adapters.algorand import connect
from adapters.algorand.protocol import AVM_BY_CONSENSUS
from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint
from domain.errors import Refusal
from domain.identifiers import OperationId, OrganisationId
from domain.network import HIGHEST_AVM
from domain.operation import AttemptRole, Draft, Intent, Postponed, Slot, WaitReason
from tests.adapters.algorand.canned import GENESIS, NETWORK, PARAMETERS, account, parameters
from tests.adapters.algorand.on_devnet.world import FUNGIBLE, a_network
from tests.adapters.algorand.on_devnet.world import PARAMETERS as TOKENS
from tests.adapters.algorand.pretend import a_kind_that_needs
from tests.adapters.algorand.test_node import INSTALLATION, ISSUER, TREASURY
from tests.adapters.pretend import PRETEND

SPECS = "https://github.com/algorandfoundation/specs/tree/"
#: From the sources of go-algorand and of Aramid's node, not from the table that is judged.
V38 = f"{SPECS}abd3d4823c6f77349fc04c3af7b1e99fe4df699f"
V39 = f"{SPECS}925a46433742afb0b51bb939354bd907fa88bf95"
V40 = f"{SPECS}236dcc18c9c507d794813ab768e467ea42d1b4d9"
V41 = f"{SPECS}953304de35264fc3ef91bcd05c123242015eeaed"
V42 = f"{SPECS}268b63433a907455d439995bf916f6b296018f4f"
RUNS = (
    (V38, 9), (V39, 10), (V40, 11), (V41, 12), (V42, 13),
    ("aramidmain-v1.0/1", 6), ("aramidmain-v1.0/2", 10),
)  # fmt: skip


@pytest.fixture
def chain(node, tmp_path):
    """Of a kind that needs AVM 11."""
    for address in (TREASURY.address, ISSUER.address):
        node.answers[f"GET /v2/accounts/{address}"] = account(amount=10**9)
    node.answers["POST /v2/transactions/simulate"] = {"txn-groups": [{}]}
    with a_kind_that_needs(11, tmp_path):
        network = evolve(a_network(NETWORK, GENESIS, window=150), avm=HIGHEST_AVM)
        yield connect(network, node.endpoint, INSTALLATION)


def an_intent(chain, kind):
    return Intent(
        organisation=OrganisationId(UUID(int=2)),
        operation=OperationId(UUID(int=3)),
        step=1,
        token=chain.token(kind, TOKENS[FUNGIBLE]),
        owner=ISSUER.address,
        sender=TREASURY.address,
    )


@pytest.fixture
def intent(chain):
    return an_intent(chain, PRETEND)


@pytest.fixture
def slot(chain, intent):
    terms = chain.slot_terms(intent)
    return Slot(
        number=1,
        network=chain.network.id,
        signer=intent.sender,
        lease=terms.lease,
        valid_until=terms.valid_until,
    )


@pytest.fixture
def ask(node, chain, intent, slot):
    """What is said of the intent under a consensus version, and what was asked for it."""

    def asking(question, consensus, intent=intent):
        node.answers[PARAMETERS] = parameters(consensus_version=consensus)
        questions = {
            "plan": lambda: chain.plan(intent),
            "preflight": lambda: chain.preflight(intent, 10_000),
            "prepare": lambda: chain.prepare(intent, slot, AttemptRole.EFFECT, 10_000),
        }
        del node.asked[:]
        return questions[question](), set(node.asked)

    return asking


@pytest.mark.parametrize(("consensus", "avm"), RUNS)
def test_a_consensus_version_means_an_avm_version(consensus, avm):
    assert AVM_BY_CONSENSUS[consensus] == avm


def test_no_version_runs_more_than_there_is():
    assert all(1 <= avm <= HIGHEST_AVM for avm in AVM_BY_CONSENSUS.values())


@pytest.mark.parametrize(
    "consensus",
    [V38, V39, "aramidmain-v1.0/1", "aramidmain-v1.0/2", "", "v41", f"{SPECS}{'0' * 40}",
     V40.upper(), f"{V40} "],
)  # fmt: skip
class TestUnderAProtocolThatDoesNotRunIt:
    @pytest.mark.parametrize("question", ["preflight", "prepare"])
    def test_a_kind_waits_for_a_person_and_nothing_more_is_asked(self, ask, question, consensus):
        said, asked = ask(question, consensus)
        assert isinstance(said, Postponed)
        assert said.reason is WaitReason.OPERATOR
        assert "pretend_token needs AVM 11" in said.detail
        assert consensus in said.detail
        assert asked == {PARAMETERS}

    def test_a_plan_says_that_the_network_is_not_ready(self, ask, consensus):
        said, asked = ask("plan", consensus)
        assert isinstance(said, Refusal)
        assert said.code == "network_not_ready"
        assert asked == {PARAMETERS}


@pytest.mark.parametrize("consensus", [V40, V41, V42, "future"])
def test_under_a_protocol_that_runs_it_a_kind_is_drafted(ask, consensus):
    said, _ = ask("prepare", consensus)
    assert isinstance(said, Draft)
    assert ask("preflight", consensus)[0] is None


@pytest.mark.parametrize("consensus", [V38, "nobody knows"])
def test_what_has_no_programs_does_not_care(chain, ask, consensus):
    asset = an_intent(chain, FUNGIBLE)
    said, _ = ask("prepare", consensus, asset)
    assert isinstance(said, Draft)
    assert ask("preflight", consensus, asset)[0] is None


def test_a_gate_that_was_lowered_keeps_back_what_was_accepted(node, chain, intent, slot):
    lowered = connect(evolve(chain.network, avm=10), node.endpoint, INSTALLATION)
    for said in (
        lowered.preflight(intent, 10_000),
        lowered.prepare(intent, slot, AttemptRole.EFFECT, 10_000),
    ):
        assert isinstance(said, Postponed)
        assert said.reason is WaitReason.OPERATOR
        assert "not offered any more" in said.detail


def test_a_node_that_does_not_name_its_protocol_is_not_believed(node, chain):
    told = parameters()
    del told["consensus-version"]
    node.answers[PARAMETERS] = told
    with pytest.raises(ChainUnavailableError):
        chain.head()


def test_a_consensus_version_is_told_in_words_fit_to_be_kept(node, chain, intent, slot):
    key = "0123456789abcdef0123456789abcdef"
    there = Endpoint(url=node.url.replace("//", f"//who:{key}@"))
    node.answers[PARAMETERS] = parameters(consensus_version=f"v\0{key}" + "x" * 10_000)
    chain = connect(chain.network, there, INSTALLATION)
    for said in (
        chain.plan(intent),
        chain.preflight(intent, 10_000),
        chain.prepare(intent, slot, AttemptRole.EFFECT, 10_000),
    ):
        assert (key in said.detail, "\0" in said.detail, len(said.detail)) == (False, False, 500)
