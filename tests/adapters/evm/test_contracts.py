"""What our contracts promise, on a real EVM; addresses and reverts are derived here by hand."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError, ContractLogicError
from web3.types import TxReceipt

from entrypoints.devnet.anvil import Anvil

UINT256_MAX = 2**256 - 1
ZERO = "0x" + "00" * 20
ADMIN, MINTER, PAUSER = bytes(32), keccak(b"MINTER_ROLE"), keccak(b"PAUSER_ROLE")
ROLES = (ADMIN, MINTER, PAUSER)

MINTABLE = ("string", "string", "uint8", "uint256", "uint256", "address", "address")
PREMINTED = ("string", "string", "uint8", "uint256", "address")

Send = Callable[[ContractFunction, str], TxReceipt]


def committed(folder: str) -> dict:
    artefact = Path(__file__).parents[3] / "adapters/evm" / folder / "artefact.json"
    return json.loads(artefact.read_text(encoding="utf-8"))["contracts"]


def init_code(artefact: dict, types: tuple[str, ...], *arguments: Any) -> bytes:
    return bytes.fromhex(artefact["creationCode"][2:]) + encode(types, arguments)


def predicted(factory: str, sender: str, salt: bytes, code: bytes) -> str:
    """EIP-1014: keccak(0xff ++ deployer ++ salt ++ keccak(init code))[12:].

    The salt of CREATE2 is not the sender's own: keccak(sender as a word ++ salt) is.
    """
    mixed = keccak(bytes(12) + bytes.fromhex(sender[2:]) + salt)
    digest = keccak(b"\xff" + bytes.fromhex(factory[2:]) + mixed + keccak(code))
    return to_checksum_address(digest[12:])


@contextmanager
def refused(signature: str, *arguments: Any) -> Iterator[None]:
    """The call inside reverts with exactly this custom error."""
    types = signature[signature.index("(") + 1 : -1]
    expected = keccak(text=signature)[:4] + encode(types.split(",") if types else [], arguments)
    with pytest.raises(ContractCustomError) as caught:
        yield
    assert caught.value.data == f"0x{expected.hex()}"


@frozen(kw_only=True)
class People:
    #: Signs and pays for deployments.
    treasury: str
    #: The issuer.
    owner: str
    #: Gets the initial supply.
    holder: str
    #: Sees everything, may do nothing.
    stranger: str


@frozen
class Tokens:
    """Makes tokens as the product does: the treasury sends, the factory deploys."""

    web3: Web3
    factory: Contract
    artefacts: dict
    people: People

    def mintable(
        self,
        *,
        name: str = "Hazel",
        symbol: str = "HZL",
        decimals: int = 18,
        cap: int = 1_000,
        supply: int = 400,
        owner: str | None = None,
        holder: str | None = None,
    ) -> Contract:
        owner, holder = owner or self.people.owner, holder or self.people.holder
        values = (name, symbol, decimals, cap, supply, owner, holder)
        return self._deployed("TallystickMintable", MINTABLE, values)

    def preminted(
        self,
        *,
        name: str = "Willow",
        symbol: str = "WLW",
        decimals: int = 6,
        supply: int = 1_000,
        holder: str | None = None,
    ) -> Contract:
        values = (name, symbol, decimals, supply, holder or self.people.holder)
        return self._deployed("TallystickPreminted", PREMINTED, values)

    def token(self, kind: str, **properties: Any) -> Contract:
        make = {"mintable": self.mintable, "preminted": self.preminted}[kind]
        return make(**properties)

    def _deployed(self, kind: str, types: tuple[str, ...], values: tuple[Any, ...]) -> Contract:
        artefact, salt, sender = self.artefacts[kind], os.urandom(32), self.people.treasury
        code = init_code(artefact, types, *values)
        sent = self.factory.functions.deploy(salt, code).transact({"from": sender})
        assert self.web3.eth.wait_for_transaction_receipt(sent)["status"] == 1
        address = predicted(self.factory.address, sender, salt, code)
        return self.web3.eth.contract(address, abi=artefact["abi"])


@pytest.fixture(scope="module")
def web3(anvil: Anvil) -> Web3:
    """Ten funded and unlocked accounts; the CREATE2 proxy is there from block 0."""
    return Web3(HTTPProvider(anvil.url))


@pytest.fixture(scope="module")
def factory_artefact() -> dict:
    """The committed artefact of the factory."""
    return committed("factory")["TallystickFactory"]


@pytest.fixture(scope="module")
def token_artefacts() -> dict:
    """The committed artefacts of both tokens, by contract name."""
    return committed("standards/erc20")


@pytest.fixture(scope="module")
def factory(web3: Web3, factory_artefact: dict) -> Contract:
    """Our factory, deployed by the proxy as `treasury create` would deploy it."""
    deployment = factory_artefact["deployment"]
    sent = web3.eth.send_transaction(
        {
            "from": web3.eth.accounts[9],
            "to": deployment["proxy"],
            "data": deployment["salt"] + factory_artefact["creationCode"][2:],
        }
    )
    assert web3.eth.wait_for_transaction_receipt(sent)["status"] == 1
    return web3.eth.contract(deployment["address"], abi=factory_artefact["abi"])


@pytest.fixture(scope="module")
def people(web3: Web3) -> People:
    """Four of anvil's accounts."""
    treasury, owner, holder, stranger = web3.eth.accounts[:4]
    return People(treasury=treasury, owner=owner, holder=holder, stranger=stranger)


@pytest.fixture(scope="module")
def tokens(web3: Web3, factory: Contract, token_artefacts: dict, people: People) -> Tokens:
    """Makes tokens."""
    return Tokens(web3, factory, token_artefacts, people)


@pytest.fixture(scope="module")
def send(web3: Web3) -> Send:
    """Send a call and see it succeed."""

    def sent(call: ContractFunction, sender: str) -> TxReceipt:
        receipt = web3.eth.wait_for_transaction_receipt(call.transact({"from": sender}))
        assert receipt["status"] == 1
        return receipt

    return sent


@pytest.fixture
def willow(token_artefacts: dict, people: People) -> bytes:
    """The init code of some token."""
    artefact = token_artefacts["TallystickPreminted"]
    return init_code(artefact, PREMINTED, "Willow", "WLW", 6, 1_000, people.holder)


# The factory


def test_the_factory_is_where_its_artefact_says(
    web3: Web3, factory: Contract, factory_artefact: dict
) -> None:
    assert web3.eth.get_code(factory.address).to_0x_hex() == factory_artefact["runtimeCode"]


def test_the_proxy_is_the_one_whose_code_the_artefact_names(
    web3: Web3, factory_artefact: dict
) -> None:
    deployment = factory_artefact["deployment"]
    found = keccak(web3.eth.get_code(deployment["proxy"])).hex()
    assert deployment["proxyRuntimeCodeKeccak256"] == f"0x{found}"


def test_deploying_the_factory_again_reverts_and_leaves_it_in_place(
    web3: Web3, factory: Contract, factory_artefact: dict, people: People
) -> None:
    deployment = factory_artefact["deployment"]
    code = web3.eth.get_code(factory.address)
    again = {
        "from": people.stranger,
        "to": deployment["proxy"],
        "data": deployment["salt"] + factory_artefact["creationCode"][2:],
        "gas": 2_000_000,
    }
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_transaction(again))
    assert receipt["status"] == 0
    assert web3.eth.get_code(factory.address) == code


def test_a_deployment_lands_at_the_predicted_address_and_says_so(
    web3: Web3, factory: Contract, people: People, willow: bytes
) -> None:
    salt = os.urandom(32)
    expected = predicted(factory.address, people.treasury, salt, willow)
    assert factory.functions.addressOf(people.treasury, salt, keccak(willow)).call() == expected
    assert web3.eth.get_code(expected) == b""

    sent = factory.functions.deploy(salt, willow).transact({"from": people.treasury})
    receipt = web3.eth.wait_for_transaction_receipt(sent)

    assert web3.eth.get_code(expected) != b""
    [log] = [log for log in receipt["logs"] if log["address"] == factory.address]
    assert [bytes(topic) for topic in log["topics"]] == [
        keccak(text="Deployed(address,address,bytes32)"),
        bytes(12) + bytes.fromhex(expected[2:]),
        bytes(12) + bytes.fromhex(people.treasury[2:]),
        salt,
    ]
    assert log["data"] == b""


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32), st.binary())
def test_the_view_and_the_eips_agree_on_every_address(
    factory: Contract, sender: bytes, salt: bytes, code: bytes
) -> None:
    address = to_checksum_address(sender)
    viewed = factory.functions.addressOf(address, salt, keccak(code)).call()
    assert viewed == predicted(factory.address, address, salt, code)


def test_a_stranger_who_copies_the_calldata_lands_elsewhere(
    web3: Web3, factory: Contract, people: People, willow: bytes
) -> None:
    salt = os.urandom(32)
    ours = predicted(factory.address, people.treasury, salt, willow)
    call = factory.functions.deploy(salt, willow)

    web3.eth.wait_for_transaction_receipt(call.transact({"from": people.stranger}))

    assert web3.eth.get_code(ours) == b""
    assert web3.eth.get_code(predicted(factory.address, people.stranger, salt, willow)) != b""
    receipt = web3.eth.wait_for_transaction_receipt(call.transact({"from": people.treasury}))
    assert receipt["status"] == 1
    assert web3.eth.get_code(ours) != b""


def test_the_same_deployment_twice_reverts_and_changes_nothing(
    web3: Web3, factory: Contract, token_artefacts: dict, people: People, willow: bytes
) -> None:
    salt = os.urandom(32)
    call = factory.functions.deploy(salt, willow)
    web3.eth.wait_for_transaction_receipt(call.transact({"from": people.treasury}))
    address = predicted(factory.address, people.treasury, salt, willow)
    token = web3.eth.contract(address, abi=token_artefacts["TallystickPreminted"]["abi"])
    web3.eth.wait_for_transaction_receipt(
        token.functions.transfer(people.stranger, 1).transact({"from": people.holder})
    )

    with refused("AlreadyDeployed(address)", address):
        call.call({"from": people.treasury})
    # With a gas limit given nothing is simulated first: the second one really enters a block.
    sent = call.transact({"from": people.treasury, "gas": 3_000_000})
    receipt = web3.eth.wait_for_transaction_receipt(sent)

    assert receipt["status"] == 0
    assert receipt["logs"] == []
    assert token.functions.balanceOf(people.holder).call() == 999
    assert token.functions.totalSupply().call() == 1_000


def test_a_deployment_that_runs_out_of_gas_leaves_its_address_free(
    web3: Web3, factory: Contract, people: People, willow: bytes
) -> None:
    salt = os.urandom(32)
    call = factory.functions.deploy(salt, willow)
    starved = call.transact({"from": people.treasury, "gas": 600_000})
    assert web3.eth.wait_for_transaction_receipt(starved)["status"] == 0
    address = predicted(factory.address, people.treasury, salt, willow)
    assert web3.eth.get_code(address) == b""
    assert web3.eth.get_transaction_count(address) == 0

    fed = call.transact({"from": people.treasury})
    assert web3.eth.wait_for_transaction_receipt(fed)["status"] == 1


def test_init_code_that_fails_silently_or_leaves_nothing_is_refused(
    factory: Contract, people: People
) -> None:
    def deploy(code: bytes) -> None:
        factory.functions.deploy(os.urandom(32), code).call({"from": people.treasury})

    with refused("FailedDeployment()"):
        deploy(bytes.fromhex("5f5ffd"))  # push0 push0 revert
    with refused("NothingDeployed()"):
        deploy(bytes.fromhex("00"))  # stop
    with refused("Create2EmptyBytecode()"):
        deploy(b"")


def test_the_factory_takes_no_ether(web3: Web3, factory: Contract, people: People) -> None:
    data = factory.encode_abi("deploy", [bytes(32), b"\x00"])
    for transaction in ({"data": data, "value": 1}, {"value": 1}):
        with pytest.raises(ContractLogicError):
            web3.eth.call({"from": people.treasury, "to": factory.address, **transaction})


# Funding


def fund(factory: Contract, sender: str, salt: bytes, to: str, value: int) -> Any:
    """The receipt of funding, whatever became of it."""
    call = factory.functions.fundOnce(salt, to)
    sent = call.transact({"from": sender, "value": value, "gas": 500_000})
    return factory.w3.eth.wait_for_transaction_receipt(sent)


def test_funding_passes_everything_on_and_says_so(
    web3: Web3, factory: Contract, people: People
) -> None:
    salt, to = os.urandom(32), Account.create().address
    assert not factory.functions.isFunded(people.treasury, salt).call()

    receipt = fund(factory, people.treasury, salt, to, 7)

    assert receipt["status"] == 1
    assert web3.eth.get_balance(to) == 7
    assert web3.eth.get_balance(factory.address) == 0
    assert factory.functions.isFunded(people.treasury, salt).call()
    [log] = receipt["logs"]
    assert [bytes(topic) for topic in log["topics"]] == [
        keccak(text="Funded(address,bytes32,address,uint256)"),
        bytes(12) + bytes.fromhex(people.treasury[2:]),
        salt,
        bytes(12) + bytes.fromhex(to[2:]),
    ]
    assert int.from_bytes(log["data"]) == 7


def test_a_sender_funds_once_under_one_salt_whomever_it_would_fund(
    web3: Web3, factory: Contract, people: People
) -> None:
    salt, to, other = os.urandom(32), Account.create().address, Account.create().address
    assert fund(factory, people.treasury, salt, to, 7)["status"] == 1
    for again, value in ((to, 7), (to, 0), (other, 7)):
        assert fund(factory, people.treasury, salt, again, value)["status"] == 0
        with refused("AlreadyFunded(address,bytes32)", people.treasury, salt):
            call = factory.functions.fundOnce(salt, again)
            call.call({"from": people.treasury, "value": value})
    assert (web3.eth.get_balance(to), web3.eth.get_balance(other)) == (7, 0)
    assert fund(factory, people.treasury, os.urandom(32), to, 5)["status"] == 1
    assert web3.eth.get_balance(to) == 12


def test_a_stranger_who_funds_first_under_our_salt_takes_nothing_from_us(
    web3: Web3, factory: Contract, people: People, willow: bytes
) -> None:
    salt, to = os.urandom(32), Account.create().address
    assert fund(factory, people.stranger, salt, to, 1)["status"] == 1
    assert not factory.functions.isFunded(people.treasury, salt).call()
    assert fund(factory, people.treasury, salt, to, 7)["status"] == 1
    assert web3.eth.get_balance(to) == 8
    # Deploying knows nothing of it.
    deploy = factory.functions.deploy(salt, willow).transact({"from": people.treasury})
    assert web3.eth.wait_for_transaction_receipt(deploy)["status"] == 1


def test_a_recipient_that_refuses_leaves_the_salt_unused(
    web3: Web3, factory: Contract, people: People
) -> None:
    salt, refusing = os.urandom(32), Account.create().address
    web3.provider.make_request("anvil_setCode", [refusing, "0x5f5ffd"])  # push0 push0 revert
    assert fund(factory, people.treasury, salt, refusing, 7)["status"] == 0
    with refused("FundingRefused(address)", refusing):
        call = factory.functions.fundOnce(salt, refusing)
        call.call({"from": people.treasury, "value": 7})
    assert not factory.functions.isFunded(people.treasury, salt).call()
    assert web3.eth.get_balance(factory.address) == 0


def test_a_recipient_that_calls_back_can_use_up_its_own_salts_only(
    web3: Web3, factory: Contract, people: People
) -> None:
    """It sends what it gets back under the salt it was funded with: once, as itself."""
    salt, thief, accomplice = os.urandom(32), Account.create().address, Account.create().address
    calldata = bytes.fromhex(factory.encode_abi("fundOnce", [salt, accomplice])[2:])
    # calldata into memory; the value goes on if there is any; call, and go on whatever it says.
    words = [calldata[i : i + 32].ljust(32, b"\0") for i in range(0, len(calldata), 32)]
    stores = b"".join(
        b"\x7f" + word + b"\x60" + bytes([32 * i]) + b"\x52" for i, word in enumerate(words)
    )
    # retSize retOffset argsSize argsOffset value address gas: call
    back = bytes.fromhex(f"5f5f60{len(calldata):02x}5f3473{factory.address[2:]}5af15000")
    web3.provider.make_request("anvil_setCode", [thief, "0x" + (stores + back).hex()])

    receipt = fund(factory, people.treasury, salt, thief, 7)

    assert receipt["status"] == 1
    assert [bytes(log["topics"][1][12:]).hex() for log in receipt["logs"]] == [
        people.treasury[2:].lower(),
        thief[2:].lower(),
    ]
    assert web3.eth.get_balance(accomplice) == 7
    assert web3.eth.get_balance(thief) == web3.eth.get_balance(factory.address) == 0
    assert factory.functions.isFunded(people.treasury, salt).call()
    assert factory.functions.isFunded(thief, salt).call()
    assert fund(factory, people.treasury, salt, thief, 7)["status"] == 0


# Both tokens


@pytest.mark.parametrize("kind", ["mintable", "preminted"])
def test_the_deployed_code_is_the_artefact_with_immutables_filled_in(
    web3: Web3, token_artefacts: dict, tokens: Tokens, kind: str
) -> None:
    """No immutable depends on chain or address: a token's code is known before it exists."""
    artefact = token_artefacts[f"Tallystick{kind.title()}"]
    token = tokens.token(kind, name="Hazel", decimals=7)
    code = bytearray(web3.eth.get_code(token.address))
    values = {}
    for name, references in artefact["immutables"].items():
        for place in references:
            start, end = place["start"], place["start"] + place["length"]
            values[name] = int.from_bytes(code[start:end])
            code[start:end] = bytes(place["length"])
    assert f"0x{keccak(code).hex()}" == artefact["runtimeCodeKeccak256"]
    expected = {
        f"Tallystick{kind.title()}._decimals": 7,
        "TallystickPermit._hashedName": int.from_bytes(keccak(b"Hazel")),
    }
    if kind == "mintable":
        expected["ERC20Capped._cap"] = 1_000
    assert values == expected


@pytest.mark.parametrize("decimals", [0, 18, 255])
def test_decimals_are_what_was_asked_for(tokens: Tokens, decimals: int) -> None:
    assert tokens.mintable(decimals=decimals).functions.decimals().call() == decimals
    assert tokens.preminted(decimals=decimals).functions.decimals().call() == decimals


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("Währung", "€UR"),
        ("日本円トークン", "円"),
        ("🌳" * 50, "🪵" * 10),  # far beyond the 31 bytes at which OpenZeppelin's permit gives up
        ("", ""),
    ],
)
def test_names_and_symbols_are_any_text(
    web3: Web3, tokens: Tokens, name: str, symbol: str
) -> None:
    for token in (
        tokens.mintable(name=name, symbol=symbol),
        tokens.preminted(name=name, symbol=symbol),
    ):
        assert token.functions.name().call() == name
        assert token.functions.symbol().call() == symbol
        domain = token.functions.eip712Domain().call()
        assert domain == [b"\x0f", name, "1", web3.eth.chain_id, token.address, bytes(32), []]


@pytest.mark.parametrize("name", ["Hazel", "A name that is longer than thirty-one bytes 🌳"])
@pytest.mark.parametrize("kind", ["mintable", "preminted"])
def test_a_permit_signed_off_chain_is_an_allowance_once(
    tokens: Tokens, send: Send, people: People, kind: str, name: str
) -> None:
    holder = Account.create()
    deployed = tokens.token(kind, name=name, holder=holder.address)
    token = deployed.functions
    domain = permit_domain(deployed, name)
    call = permit(token, holder, people.stranger, value=7, nonce=0, domain=domain)

    send(call, people.stranger)

    assert token.allowance(holder.address, people.stranger).call() == 7
    assert token.nonces(holder.address).call() == 1
    send(token.transferFrom(holder.address, people.stranger, 7), people.stranger)
    assert token.balanceOf(people.stranger).call() == 7
    with invalid_signer():
        call.call({"from": people.stranger})
    send(permit(token, holder, people.stranger, value=8, nonce=1, domain=domain), people.stranger)
    assert token.allowance(holder.address, people.stranger).call() == 8


def test_a_permit_holds_for_one_token_on_one_chain_until_its_deadline(
    tokens: Tokens, people: People
) -> None:
    holder = Account.create()
    deployed = tokens.mintable(holder=holder.address)
    token, right = deployed.functions, permit_domain(deployed, "Hazel")
    others = (
        {"name": "Willow"},
        {"version": "2"},
        {"chainId": 1},
        {"verifyingContract": tokens.mintable(holder=holder.address).address},
    )
    for other in others:
        with invalid_signer():
            permit(token, holder, people.stranger, value=7, nonce=0, domain=right | other).call()
    with invalid_signer():  # signed by somebody else
        forged = permit(token, Account.create(), people.stranger, value=7, nonce=0, domain=right)
        token.permit(holder.address, *forged.args[1:]).call()
    with invalid_signer():  # for another amount
        altered = permit(token, holder, people.stranger, value=7, nonce=0, domain=right)
        token.permit(*altered.args[:2], 8, *altered.args[3:]).call()
    expired = permit(token, holder, people.stranger, value=7, nonce=0, domain=right, deadline=1)
    with refused("ERC2612ExpiredSignature(uint256)", 1):
        expired.call()
    permit(token, holder, people.stranger, value=7, nonce=0, domain=right).call()


def permit_domain(token: Contract, name: str) -> dict[str, Any]:
    """ERC-2612: the token's own name, the version that OpenZeppelin made customary."""
    return {
        "name": name,
        "version": "1",
        "chainId": token.w3.eth.chain_id,
        "verifyingContract": token.address,
    }


def permit(
    token: Any,
    holder: Any,
    spender: str,
    *,
    value: int,
    nonce: int,
    domain: dict,
    deadline: int = 2**64,
) -> ContractFunction:
    """The call that submits a permit signed by `holder`."""
    message = {
        "owner": ("address", holder.address),
        "spender": ("address", spender),
        "value": ("uint256", value),
        "nonce": ("uint256", nonce),
        "deadline": ("uint256", deadline),
    }
    signed = holder.sign_typed_data(
        domain_data=domain,
        message_types={"Permit": [{"name": n, "type": kind} for n, (kind, _) in message.items()]},
        message_data={n: v for n, (_, v) in message.items()},
    )
    r, s = signed.r.to_bytes(32), signed.s.to_bytes(32)
    return token.permit(holder.address, spender, value, deadline, signed.v, r, s)


@contextmanager
def invalid_signer() -> Iterator[None]:
    """The recovered signer in this error is arbitrary, so only its name is compared."""
    with pytest.raises(ContractCustomError) as caught:
        yield
    selector = keccak(text="ERC2612InvalidSigner(address,address)")[:4]
    assert str(caught.value.data).startswith(f"0x{selector.hex()}")


# The mintable token


def test_the_owner_has_every_role_and_nobody_else_has_any(
    factory: Contract, factory_artefact: dict, tokens: Tokens, people: People
) -> None:
    token = tokens.mintable()
    others = (
        people.treasury,
        factory.address,
        factory_artefact["deployment"]["proxy"],
        people.holder,
        token.address,
    )
    for role in ROLES:
        assert token.functions.getRoleMembers(role).call() == [people.owner]
        assert token.functions.getRoleAdmin(role).call() == ADMIN
        for other in others:
            assert not token.functions.hasRole(role, other).call()
    assert token.functions.MINTER_ROLE().call() == MINTER
    assert token.functions.PAUSER_ROLE().call() == PAUSER


def test_what_needs_a_role_is_refused_to_everyone_without_it(
    factory: Contract, tokens: Tokens, people: People
) -> None:
    token = tokens.mintable().functions
    guarded = [
        (token.mint(people.stranger, 1), MINTER),
        (token.mintOnce(bytes(32), people.stranger, 1), MINTER),
        (token.pause(), PAUSER),
        (token.unpause(), PAUSER),
        (token.pauseOnce(bytes(32)), PAUSER),
        (token.unpauseOnce(bytes(32)), PAUSER),
        (token.grantRole(MINTER, people.stranger), ADMIN),
        (token.revokeRole(MINTER, people.holder), ADMIN),
    ]
    for call, role in guarded:
        for sender in (people.treasury, factory.address, people.holder, people.stranger):
            with refused("AccessControlUnauthorizedAccount(address,bytes32)", sender, role):
                call.call({"from": sender})


def test_the_initial_supply_belongs_to_the_initial_holder(tokens: Tokens, people: People) -> None:
    token = tokens.mintable(supply=400, cap=1_000).functions
    assert token.totalSupply().call() == 400
    assert token.balanceOf(people.holder).call() == 400
    assert token.cap().call() == 1_000


def test_a_token_may_start_empty_or_full(tokens: Tokens) -> None:
    assert tokens.mintable(supply=0).functions.totalSupply().call() == 0
    full = tokens.mintable(supply=UINT256_MAX, cap=UINT256_MAX).functions
    assert full.totalSupply().call() == UINT256_MAX


def test_the_supply_never_exceeds_the_cap(tokens: Tokens, send: Send, people: People) -> None:
    token = tokens.mintable(supply=400, cap=1_000).functions
    send(token.mint(people.holder, 600), people.owner)
    with refused("ERC20ExceededCap(uint256,uint256)", 1_001, 1_000):
        token.mint(people.holder, 1).call({"from": people.owner})

    send(token.burn(10), people.holder)  # burning makes room again
    send(token.mintOnce(os.urandom(32), people.holder, 10), people.owner)
    assert token.totalSupply().call() == 1_000


def test_a_mint_beyond_the_largest_number_is_refused(tokens: Tokens, people: People) -> None:
    token = tokens.mintable(supply=1, cap=UINT256_MAX).functions
    with pytest.raises(ContractLogicError, match="overflow"):
        token.mint(people.holder, UINT256_MAX).call({"from": people.owner})


def test_holders_burn_their_own_and_what_they_were_allowed(
    tokens: Tokens, send: Send, people: People
) -> None:
    token = tokens.mintable(supply=400).functions
    send(token.burn(100), people.holder)
    with refused("ERC20InsufficientAllowance(address,uint256,uint256)", people.owner, 0, 1):
        token.burnFrom(people.holder, 1).call({"from": people.owner})
    send(token.approve(people.stranger, 50), people.holder)
    send(token.burnFrom(people.holder, 50), people.stranger)
    assert token.totalSupply().call() == 250
    assert token.balanceOf(people.holder).call() == 250


def test_while_paused_nothing_moves(tokens: Tokens, send: Send, people: People) -> None:
    token, operation = tokens.mintable().functions, os.urandom(32)
    send(token.pause(), people.owner)
    moves = [
        (token.transfer(people.stranger, 1), people.holder),
        (token.burn(1), people.holder),
        (token.mint(people.holder, 1), people.owner),
        (token.mintOnce(operation, people.holder, 1), people.owner),
        (token.burnOnce(operation, 1), people.holder),
    ]
    for call, sender in moves:
        with refused("EnforcedPause()"):
            call.call({"from": sender})
    for person in (people.owner, people.holder):
        assert token.doneUnder(person, operation).call() == bytes(32)

    send(token.unpause(), people.owner)
    for call, sender in moves:
        send(call, sender)


#: What can be done under an operation id: signature, arguments behind the id, and who does it.
ACTS = {
    "mint": ("mintOnce(bytes32,address,uint256)", 5, "owner"),
    "burn": ("burnOnce(bytes32,uint256)", 5, "holder"),
    "pause": ("pauseOnce(bytes32)", None, "owner"),
    "unpause": ("unpauseOnce(bytes32)", None, "owner"),
    "hand over": ("handOverOnce(bytes32,address)", None, "owner"),
}


def an_act(token: Contract, name: str, id: bytes, people: People) -> tuple[ContractFunction, str]:
    """The call, and who may make it."""
    signature, amount, who = ACTS[name]
    arguments = [] if amount is None else [amount]
    if name == "mint":
        arguments = [people.holder, *arguments]
    if name == "hand over":
        arguments = [people.treasury]
    function = token.get_function_by_signature(signature)
    return function(id, *arguments), getattr(people, who)


@pytest.mark.parametrize("name", ACTS)
def test_what_is_done_under_an_operation_id_is_done_once_and_can_be_read(
    web3: Web3, tokens: Tokens, send: Send, people: People, name: str
) -> None:
    token, operation = tokens.mintable(supply=400), os.urandom(32)
    if name == "unpause":
        send(token.functions.pause(), people.owner)
    call, sender = an_act(token, name, operation, people)
    assert token.functions.doneUnder(sender, operation).call() == bytes(32)

    receipt = send(call, sender)

    what = keccak(web3.eth.get_transaction(receipt["transactionHash"])["input"])
    assert token.functions.doneUnder(sender, operation).call() == what
    done = receipt["logs"][0]
    if name == "hand over":
        # Nothing else is the first owner's to do any more.
        for each in ("mint", "pause", "unpause", "hand over"):
            other, _ = an_act(token, each, os.urandom(32), people)
            with pytest.raises(ContractLogicError):
                other.call({"from": sender})
    assert [bytes(topic) for topic in done["topics"]] == [
        keccak(text="OperationDone(address,bytes32,bytes32)"),
        bytes(12) + bytes.fromhex(sender[2:]),
        operation,
    ]
    assert bytes(done["data"]) == what
    supply = token.functions.totalSupply().call()
    assert supply == 400 + {"mint": 5, "burn": -5}.get(name, 0)
    assert token.functions.paused().call() == (name == "pause")
    # A second time it reverts in a block, too: not only where somebody simulates it first.
    again = web3.eth.wait_for_transaction_receipt(call.transact({"from": sender, "gas": 300_000}))
    assert again["status"] == 0
    assert token.functions.totalSupply().call() == supply
    for other in ACTS if name != "hand over" else ():
        twice, its_sender = an_act(token, other, operation, people)
        if its_sender == sender:
            with refused("OperationAlreadyDone(bytes32,bytes32)", operation, what):
                twice.call({"from": sender})


@pytest.mark.parametrize("name", ACTS)
def test_nobody_can_use_up_somebody_elses_operation_id(
    tokens: Tokens, send: Send, people: People, name: str
) -> None:
    """A stranger burns under it, and one with every role does whatever it likes under it."""
    token, operation = tokens.mintable(supply=400), os.urandom(32)
    if name == "unpause":
        send(token.functions.pause(), people.owner)
    call, sender = an_act(token, name, operation, people)
    if name != "unpause":
        send(token.functions.burnOnce(operation, 0), people.stranger)
    for role in (MINTER, PAUSER):
        send(token.functions.grantRole(role, people.treasury), people.owner)
    rival = "unpause" if name == "unpause" else "pause"
    send(an_act(token, rival, operation, people)[0], people.treasury)
    send(token.functions.unpause() if rival == "pause" else token.functions.pause(), people.owner)
    assert token.functions.doneUnder(sender, operation).call() == bytes(32)

    send(call, sender)

    assert token.functions.doneUnder(sender, operation).call() != bytes(32)


def test_who_appends_to_a_call_is_seen_to_have_made_another_one(
    web3: Web3, tokens: Tokens, people: People
) -> None:
    token, operation = tokens.mintable(), os.urandom(32)
    call, sender = an_act(token, "mint", operation, people)
    padded = call._encode_transaction_data() + "00"
    sent = web3.eth.send_transaction({"from": sender, "to": token.address, "data": padded})
    assert web3.eth.wait_for_transaction_receipt(sent)["status"] == 1
    what = token.functions.doneUnder(sender, operation).call()
    assert what == keccak(hexstr=padded)
    assert what != keccak(hexstr=call._encode_transaction_data())


def test_other_ids_are_other_operations(tokens: Tokens, send: Send, people: People) -> None:
    token = tokens.mintable(supply=0)
    for _ in range(2):
        send(token.functions.mintOnce(os.urandom(32), people.holder, 5), people.owner)
    assert token.functions.totalSupply().call() == 10


def test_a_mint_that_failed_leaves_its_operation_id_unused(
    web3: Web3, tokens: Tokens, send: Send, people: People
) -> None:
    token, operation = tokens.mintable(supply=400, cap=1_000).functions, os.urandom(32)
    too_much = token.mintOnce(operation, people.holder, 601).transact(
        {"from": people.owner, "gas": 300_000}
    )
    assert web3.eth.wait_for_transaction_receipt(too_much)["status"] == 0
    assert token.doneUnder(people.owner, operation).call() == bytes(32)
    send(token.mintOnce(operation, people.holder, 600), people.owner)
    assert token.doneUnder(people.owner, operation).call() != bytes(32)


def test_ownership_can_be_handed_over_and_read_back(
    tokens: Tokens, send: Send, people: People
) -> None:
    token = tokens.mintable().functions
    for role in reversed(ROLES):
        send(token.grantRole(role, people.stranger), people.owner)
    for role in reversed(ROLES):
        send(token.renounceRole(role, people.owner), people.owner)
    for role in ROLES:
        assert token.getRoleMembers(role).call() == [people.stranger]


@pytest.mark.parametrize("is_paused", [False, True])
def test_it_is_handed_over_in_one_call_with_all_that_the_owner_holds(
    tokens: Tokens, send: Send, people: People, is_paused: bool
) -> None:
    token = tokens.mintable(supply=400, holder=people.owner).functions
    send(token.transfer(people.holder, 150), people.owner)
    if is_paused:
        send(token.pause(), people.owner)

    send(token.handOverOnce(os.urandom(32), people.stranger), people.owner)

    for role in ROLES:
        assert token.getRoleMembers(role).call() == [people.stranger]
    held = [token.balanceOf(each).call() for each in (people.owner, people.stranger)]
    assert held == [0, 250]
    assert token.balanceOf(people.holder).call() == 150
    assert token.totalSupply().call() == 400
    assert token.paused().call() is is_paused


def test_only_what_the_owner_has_is_handed_over_and_others_keep_theirs(
    tokens: Tokens, send: Send, people: People
) -> None:
    token = tokens.mintable().functions
    send(token.grantRole(MINTER, people.holder), people.owner)
    send(token.renounceRole(PAUSER, people.owner), people.owner)

    send(token.handOverOnce(os.urandom(32), people.stranger), people.owner)

    assert token.getRoleMembers(bytes(32)).call() == [people.stranger]
    assert set(token.getRoleMembers(MINTER).call()) == {people.holder, people.stranger}
    assert token.getRoleMembers(PAUSER).call() == []


def test_it_is_handed_to_somebody_and_by_its_administrator_alone(
    tokens: Tokens, send: Send, people: People
) -> None:
    token = tokens.mintable().functions
    with refused("OwnerIsZero()"):
        token.handOverOnce(os.urandom(32), ZERO).call({"from": people.owner})
    send(token.grantRole(MINTER, people.holder), people.owner)
    for person in (people.holder, people.stranger):
        with refused("AccessControlUnauthorizedAccount(address,bytes32)", person, bytes(32)):
            token.handOverOnce(os.urandom(32), person).call({"from": person})


def test_a_mintable_token_that_contradicts_itself_is_never_born(tokens: Tokens) -> None:
    """The factory passes the constructor's own reason on."""
    with refused("ERC20ExceededCap(uint256,uint256)", 11, 10):
        tokens.mintable(supply=11, cap=10)
    with refused("ERC20InvalidCap(uint256)", 0):
        tokens.mintable(supply=0, cap=0)
    with refused("OwnerIsZero()"):
        tokens.mintable(owner=ZERO)
    with refused("ERC20InvalidReceiver(address)", ZERO):
        tokens.mintable(supply=1, holder=ZERO)


# The preminted token


@pytest.mark.parametrize("supply", [1, 1_000, UINT256_MAX])
def test_the_holder_gets_the_whole_supply(
    tokens: Tokens, send: Send, people: People, supply: int
) -> None:
    token = tokens.preminted(supply=supply).functions
    assert token.totalSupply().call() == supply
    assert token.balanceOf(people.holder).call() == supply
    assert token.balanceOf(people.treasury).call() == 0
    send(token.transfer(people.treasury, supply), people.holder)
    assert token.balanceOf(people.treasury).call() == supply


def test_nothing_can_change_the_supply_of_a_preminted_token(token_artefacts: dict) -> None:
    """By absence: ERC-20 and permit are all that can be called with effect."""
    abi = token_artefacts["TallystickPreminted"]["abi"]
    functions = [entry for entry in abi if entry["type"] == "function"]
    effects = {entry["name"] for entry in functions if entry["stateMutability"] != "view"}
    assert effects == {"approve", "permit", "transfer", "transferFrom"}


def test_a_preminted_token_for_nobody_is_never_born(tokens: Tokens) -> None:
    with refused("ERC20InvalidReceiver(address)", ZERO):
        tokens.preminted(holder=ZERO)


@settings(max_examples=15, deadline=None)
@given(
    name=st.text(st.characters(codec="utf-8"), max_size=60),
    symbol=st.text(st.characters(codec="utf-8"), max_size=12),
    decimals=st.integers(0, 255),
    supply=st.integers(0, UINT256_MAX),
)
def test_a_preminted_token_is_what_was_asked_for(
    tokens: Tokens, people: People, **properties: Any
) -> None:
    token = tokens.preminted(**properties).functions
    assert token.name().call() == properties["name"]
    assert token.symbol().call() == properties["symbol"]
    assert token.decimals().call() == properties["decimals"]
    assert token.totalSupply().call() == properties["supply"]
    assert token.balanceOf(people.holder).call() == properties["supply"]
