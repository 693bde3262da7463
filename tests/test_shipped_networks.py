"""The networks that are shipped, against what is known of their chains.

The tables are written by hand from genesis files and from the chains' own pages: nothing in them
is read from what they judge.
"""

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import pytest

from adapters import algorand, evm
from application.ports.chain import WrongChainError
from domain.identifiers import InstallationId, OperationId, OrganisationId
from domain.network import Family, NetworkClass
from domain.operation import AttemptRole, Intent, Slot
from entrypoints.network_settings import read_networks, shipped
from tests.adapters.algorand.canned import HASH, PARAMETERS, canned, parameters

LIVE, TEST = NetworkClass.LIVE, NetworkClass.TEST
EVM = {
    1: ("Ethereum", LIVE, "ETH", "https://etherscan.io"),
    10: ("OP Mainnet", LIVE, "ETH", "https://optimistic.etherscan.io"),
    56: ("BNB Smart Chain", LIVE, "BNB", "https://bscscan.com"),
    137: ("Polygon", LIVE, "POL", "https://polygonscan.com"),
    8453: ("Base", LIVE, "ETH", "https://basescan.org"),
    42161: ("Arbitrum One", LIVE, "ETH", "https://arbiscan.io"),
    43114: ("Avalanche C-Chain", LIVE, "AVAX", "https://snowtrace.io"),
    84532: ("Base Sepolia", TEST, "ETH", "https://sepolia.basescan.org"),
    11155111: ("Sepolia", TEST, "ETH", "https://sepolia.etherscan.io"),
}
#: Name, class, native currency, highest AVM, genesis hash.
ALGORAND = {
    "algorand:wGHE2Pwdvd7S12BL5FaOP20EGYesN73k": (
        "Algorand", LIVE, "ALGO", 12, "wGHE2Pwdvd7S12BL5FaOP20EGYesN73ktiC1qzkkit8="),
    "algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDe": (
        "Algorand TestNet", TEST, "ALGO", 12, "SGO1GKSzyE7IEPItTxCByw9x8FmnrCDexi9/cOUJOiI="),
    "algorand:mFgazF-2uRS1tMiL9dsj01hJGySEmPN2": (
        "Algorand BetaNet", TEST, "ALGO", 12, "mFgazF+2uRS1tMiL9dsj01hJGySEmPN28B/TjjvpVW0="),
    "algorand:r20fSQI8gWe_kFZziNonSPCXLwcQmH_n": (
        "Voi", LIVE, "VOI", 10, "r20fSQI8gWe/kFZziNonSPCXLwcQmH/nxROvnnueWOk="),
    "algorand:PgeQVJJgx_LYKJfIEz7dbfNPuXmDyJ-O": (
        "Aramid", LIVE, "aALGO", 10, "PgeQVJJgx/LYKJfIEz7dbfNPuXmDyJ+O7FwQ4XL9tE8="),
}  # fmt: skip
BETANET = "algorand:mFgazF-2uRS1tMiL9dsj01hJGySEmPN2"
#: Of a wallet library: its first 32 characters are BetaNet's.
NOT_BETANET = "mFgazF+2uRS1tMiL9dsj01hJGySEmPN2OvOTQHJ6iQg="
#: Old, and another hash of it circulates.
VOI_TEST = "IXnoWtviVVJW5LGivNFc0Dq14V3kqaXuK2u5OQrdVZo="
#: Of networks whose chain has an operator that answers for one node only.
ONE_NODE = ("algorand:wGHE2Pwdvd7S12BL5FaOP20EGYesN73k",
            "algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDe", BETANET)  # fmt: skip
NAMES = (*(f"eip155:{number}" for number in EVM), *ALGORAND)
INSTALLATION = InstallationId(UUID(int=1))


def entry_of(name, **more):
    entry = {"nodes": ["https://one.example", "https://two.example"]} | more
    (found,), faults = read_networks({name: entry})
    assert faults == []
    return found


def network_of(name):
    return entry_of(name).network


def test_these_are_shipped_and_no_others():
    text = (files("entrypoints") / "networks.toml").read_text("utf-8")
    assert set(tomllib.loads(text)["networks"]) == set(NAMES) == set(shipped())


def test_the_old_test_network_of_voi_is_not_shipped():
    text = (files("entrypoints") / "networks.toml").read_text("utf-8")
    assert VOI_TEST not in text
    assert "voitest" not in text.lower()
    assert f"algorand:{VOI_TEST[:32]}" not in shipped()


@pytest.mark.parametrize("number", EVM)
def test_an_evm_network_is_what_its_chain_is(number):
    network = network_of(f"eip155:{number}")
    name, network_class, currency, explorer = EVM[number]
    assert (network.name, network.network_class) == (name, network_class)
    assert (network.family, network.genesis, network.avm) == (Family.EVM, None, None)
    assert (network.native_currency, network.native_decimals) == (currency, 18)
    # Each of these chains has nodes that know what is final; nothing is guessed by depth.
    assert (network.finality.tag, network.finality.depth) == ("finalized", None)
    for link in (network.explorer_transaction, network.explorer_address, network.explorer_token):
        assert link.startswith(f"{explorer}/")
    # In wei for a unit of gas: from a tenth of a gwei to a thousand gwei.
    assert 10**8 <= network.fee_ceiling <= 10**12


@pytest.mark.parametrize("name", ALGORAND)
def test_an_algorand_network_is_what_its_chain_is(name):
    network = network_of(name)
    title, network_class, currency, avm, genesis = ALGORAND[name]
    assert (network.name, network.network_class) == (title, network_class)
    assert (network.family, network.genesis, network.avm) == (Family.ALGORAND, genesis, avm)
    assert (network.native_currency, network.native_decimals) == (currency, 6)
    assert (network.finality.tag, network.finality.depth) == (None, 0)
    assert network.window == 150
    # In microalgos, whose least fee is 1,000.
    assert 1_000 <= network.fee_ceiling <= 100_000


@pytest.mark.parametrize("name", ALGORAND)
def test_a_name_is_the_beginning_of_its_genesis_hash(name):
    """CAIP-2: 32 characters, in the alphabet that is safe in URLs."""
    genesis = network_of(name).genesis
    assert name == "algorand:" + genesis.replace("+", "-").replace("/", "_")[:32]


@pytest.mark.parametrize("name", NAMES)
def test_two_sources_are_wanted_of_every_network(name):
    network = network_of(name)
    assert network.min_sources == 2
    assert network.network_class is not NetworkClass.DEVELOPMENT
    assert network.live == (network.network_class is LIVE)


@pytest.mark.parametrize("name", NAMES)
def test_every_link_goes_to_one_thing_and_is_safe(name):
    network = network_of(name)
    links = [
        network.explorer_transaction, network.explorer_address, network.explorer_token,
        network.explorer_application,
    ]  # fmt: skip
    for link in filter(None, links):
        assert link.startswith("https://")
        assert link.count("{}") == 1
        assert link.endswith("/{}")
    given = [link for link in links if link]
    assert len(set(given)) == len(given)
    if name.startswith("eip155:"):
        assert links[3] is None
    elif network.name != "Aramid":
        assert links[3].removesuffix("/application/{}") == links[2].removesuffix("/asset/{}")


@pytest.mark.parametrize("name", NAMES)
def test_nodes_are_asked_over_tls_and_promise_no_history(name):
    urls = shipped()[name]["nodes"]
    assert all(isinstance(url, str) and url.startswith("https://") for url in urls)
    # Of different operators: what one of them says twice is said once.
    operators = [".".join(url.split("/")[2].split(".")[-2:]) for url in urls]
    assert len(set(operators)) == len(urls)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(ONE_NODE)))
def test_its_name_is_enough_where_two_nodes_are_known(name):
    (entry,), faults = read_networks({name: {}})
    assert (len(entry.nodes), faults) == (2, [])


@pytest.mark.parametrize("name", ONE_NODE)
def test_it_says_so_where_a_node_must_be_added(name):
    found, (fault,) = read_networks({name: {}})
    assert found == ()
    assert fault.startswith(f'[networks."{name}"] min_sources: is 2, and nodes has 1: ')


# Before a node of another chain


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (BETANET, NOT_BETANET),
        *((name, each[-1][:40] + "AAA=") for name, each in ALGORAND.items()),
        *((name, VOI_TEST) for name in ALGORAND),
    ],
)
def test_another_genesis_hash_is_another_chain(name, told):
    """Where the name is the same, too: 32 characters do not tell two chains apart."""
    with canned() as node:
        node.answers[PARAMETERS] = parameters(genesis_hash=told)
        chain = algorand.connect(network_of(name), node.endpoint, INSTALLATION)
        with pytest.raises(WrongChainError, match="genesis"):
            chain.head()
        with pytest.raises(WrongChainError, match="genesis"):
            chain.prepare(*an_asset(chain), AttemptRole.EFFECT, 10_000)
        assert set(node.asked) == {PARAMETERS}


@pytest.mark.parametrize("name", ALGORAND)
def test_its_own_genesis_hash_is_its_chain(name):
    with canned() as node:
        node.answers[PARAMETERS] = parameters(genesis_hash=ALGORAND[name][-1])
        node.answers["GET /v2/blocks/100/hash"] = {"blockHash": HASH}
        chain = algorand.connect(network_of(name), node.endpoint, INSTALLATION)
        assert chain.head().final.number == 100


@pytest.mark.parametrize("number", EVM)
def test_another_chain_id_is_another_chain(number):
    other = next(each for each in sorted(EVM) if each != number)
    with canned() as node:
        node.answers["POST /"] = lambda: result(node, hex(other))
        chain = evm.connect(network_of(f"eip155:{number}"), node.endpoint, INSTALLATION)
        with pytest.raises(WrongChainError, match=f"chain {other}"):
            chain.head()
        asked = [json.loads(body)["method"] for body in node.bodies]
        assert set(asked) == {"eth_chainId"}


def result(node, value):
    return {"jsonrpc": "2.0", "id": json.loads(node.bodies[-1])["id"], "result": value}


def an_asset(chain):
    """An intent and a slot for it, that a draft could be made for."""
    token = chain.token("asa_nft", {"name": "Deed", "unit_name": "DEED"})
    sender = "GIMN3RFDRRWFD7KIFSVRMXC4JXYD5ZXKT7KSN57OG4RAZPPC3L3YDM46NQ"
    intent = Intent(
        organisation=OrganisationId(UUID(int=2)),
        operation=OperationId(UUID(int=3)),
        step=1,
        token=token,
        owner=sender,
        sender=sender,
    )
    lease = chain._lease(intent)
    return intent, Slot(
        number=1, network=chain.network.id, signer=sender, lease=lease, valid_until=149
    )


def test_the_readme_names_them_all():
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    assert [name for name in NAMES if f"`{name}`" not in readme] == []
