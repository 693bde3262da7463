"""A node, the chain adapter before it, a treasury that signs, and hands to move the world with.

with a_world() as world:
    slot = world.deployed(world.intent())
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import define, evolve, field, frozen
from coincurve import PrivateKey

from adapters.evm import connect
from adapters.evm.development import fund
from application.ports.chain import Chain
from application.ports.nodes import Endpoint
from domain.identifiers import InstallationId, NetworkId, OperationId, OrganisationId
from domain.network import Family, Finality, Network, NetworkClass
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Intent,
    Party,
    SignedTransaction,
    Slot,
    Verdict,
)
from domain.signing import Curve, PublicKey, Signature
from domain.token import Action, Order, Token, TokenKind
from entrypoints.devnet.anvil import Anvil, Profile

GWEI = 10**9
CEILING = 100 * GWEI
DEPTH = 5
BY_DEPTH, BY_TAG = Finality(depth=DEPTH), Finality(tag="finalized")

FACTORY = TokenKind("create2_factory")
MINTABLE = TokenKind("erc20_mintable")
PREMINTED = TokenKind("erc20_preminted")
PARAMETERS = {
    MINTABLE: {"name": "Hazel", "symbol": "HZL", "initial_supply": "400", "cap": "1000"},
    PREMINTED: {"name": "Willow", "symbol": "WLW", "decimals": 6, "supply": "1000"},
}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def a_network(finality: Finality, chain_id: int = 31337) -> Network:
    return Network(
        id=NetworkId(f"eip155:{chain_id}"),
        name="anvil",
        family=Family.EVM,
        network_class=NetworkClass.DEVELOPMENT,
        finality=finality,
        fee_ceiling=CEILING,
        native_currency="ETH",
        native_decimals=18,
        poll=timedelta(seconds=1),
        replace_after=timedelta(seconds=30),
    )


@frozen
class Treasury:
    """Signs and pays."""

    _key: PrivateKey = field(factory=PrivateKey, repr=False)

    @property
    def public_key(self) -> PublicKey:
        return PublicKey(Curve.SECP256K1, self._key.public_key.format(compressed=False)[1:])

    def sign(self, draft: Draft) -> list[tuple[PublicKey, Signature]]:
        return [
            (
                self.public_key,
                Signature(
                    Curve.SECP256K1,
                    self._key.sign_recoverable(each.message, hasher=None)[:64],
                ),
            )
            for each in draft.signables
        ]


@define(eq=False)
class World:
    anvil: Anvil
    chain: Chain
    network: Network
    installation: InstallationId
    treasury: Treasury = field(factory=Treasury)
    #: The issuer: anvil's second account, unlocked; or one of ours, without any coin.
    owner: str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    issuer: Treasury = field(factory=Treasury)
    _next: dict[str, int] = field(factory=dict)

    @property
    def sender(self) -> str:
        return self.chain.address(self.treasury.public_key)

    def seen_through(self, url: str, answer_within: timedelta = timedelta(seconds=5)) -> Chain:
        """The same network through another URL."""
        return connect(self.network, Endpoint(url=url), self.installation, answer_within)

    # What the product would do

    def token(self, kind: TokenKind = MINTABLE, **changes: object) -> Token:
        token = self.chain.token(kind, PARAMETERS[kind] | changes)
        assert isinstance(token, Token), token
        return token

    def intent(self, token: Token | None = None) -> Intent:
        return Intent(
            organisation=OrganisationId(uuid.uuid4()),
            operation=OperationId(uuid.uuid4()),
            step=1,
            token=token or self.token(),
            owner=self.owner,
            sender=self.sender,
        )

    def issued(self, **changes: object) -> Intent:
        """A token on chain of an issuer without coin: what made it."""
        self.owner = self.chain.address(self.issuer.public_key)
        intent = self.intent(self.token(**changes))
        self.deployed(intent)
        return intent

    def ordered(self, made: Intent, action: Action, **parameters: object) -> Intent:
        """An operation on the token that *made* made, at its first step."""
        order = self.chain.order(made.token, action, parameters)
        assert isinstance(order, Order), order
        place = self.chain.predicted(made)
        return evolve(made, operation=OperationId(uuid.uuid4()), order=order, place=place)

    def second(self, intent: Intent) -> Intent:
        return evolve(intent, step=2)

    def carried_out(self, intent: Intent) -> tuple[Slot, Slot]:
        """Both steps of an order, final."""
        return self.deployed(intent), self.deployed(self.second(intent))

    def slot(self, sequence: int | None = None, signer: str | None = None) -> Slot:
        """The next nonce of the treasury or of *signer*, or the one that is named."""
        signer = signer or self.sender
        if sequence is None:
            sequence = self._next.get(signer, 0)
            self._next[signer] = sequence + 1
        return Slot(number=1, network=self.network.id, signer=signer, sequence=sequence)

    def signer_of(self, intent: Intent) -> str:
        """Whose nonce the intent's step takes."""
        steps = self.chain.steps(intent.token, intent.order)
        is_owners = steps[intent.step - 1].slot_of is Party.OWNER
        return intent.owner if is_owners else intent.sender

    def attempted(
        self, intent: Intent, slot: Slot, role: AttemptRole = AttemptRole.EFFECT
    ) -> tuple[Slot, SignedTransaction]:
        """The slot with one attempt more, over all it had, which nobody has been sent."""
        draft = self.chain.prepare(intent, slot, role, CEILING, slot.attempts)
        assert isinstance(draft, Draft), draft
        signer = self.treasury if slot.signer == self.sender else self.issuer
        transaction = self.chain.assemble(draft, signer.sign(draft))
        attempt = Attempt(
            number=len(slot.attempts) + 1,
            role=role,
            transaction_id=transaction.id,
            raw=transaction.raw,
            body=draft.body,
            fee_cap=draft.fee_cap,
            signed_at=NOW,
        )
        return slot.with_attempt(attempt), transaction

    def sent(
        self, intent: Intent, slot: Slot | None = None, role: AttemptRole = AttemptRole.EFFECT
    ) -> tuple[Slot, SignedTransaction]:
        slot = slot or self.slot(signer=self.signer_of(intent))
        slot, transaction = self.attempted(intent, slot, role)
        assert self.chain.submit(transaction).verdict is Verdict.ACCEPTED
        return slot, transaction

    def deployed(self, intent: Intent) -> Slot:
        """The intent's effect, final."""
        slot, _ = self.sent(intent)
        self.finalise()
        return slot

    def install_factory(self) -> None:
        fund(self.anvil.url, self.sender, 10**20)
        self.mine(DEPTH + 1)
        self.deployed(self.intent(self.chain.stored_token(FACTORY, {})))

    # What the world does

    def mine(self, blocks: int = 1) -> None:
        self.anvil.call("anvil_mine", hex(blocks))

    def finalise(self) -> None:
        """Everything sent is mined and final."""
        self.mine(1)
        self.mine(self.network.finality.depth or 0)

    def reorg(self, depth: int) -> None:
        """The newest *depth* blocks are others, and empty; what was in them is gone."""
        self.anvil.call("anvil_reorg", depth, [])

    def foreign_transaction(self, sequence: int) -> str:
        """Somebody else who has the treasury's key uses a nonce."""
        self.anvil.call("anvil_impersonateAccount", self.sender)
        id = self.send(self.sender, self.owner, "0x", value=1, nonce=hex(sequence))
        self.anvil.call("anvil_stopImpersonatingAccount", self.sender)
        return id

    def send(self, sender: str, to: str, data: str, *, value: int = 0, **more: str) -> str:
        """A transaction by an account that the node has the key of."""
        call = {"from": sender, "to": to, "data": data, "value": hex(value), **more}
        id = self.anvil.call("eth_sendTransaction", call | {"maxFeePerGas": hex(CEILING)})
        return str(id)

    def code(self, address: str) -> str:
        return str(self.anvil.call("eth_getCode", address, "latest"))


@contextmanager
def a_world(
    finality: Finality = BY_DEPTH, *, state: Path | None = None, profile: Profile = "fast"
) -> Iterator[World]:
    """A node with our factory, and a treasury with 100 ETH.

    In the fast profile nothing is mined that the test does not mine.
    """
    extra = ["--no-mining"] if profile == "fast" else []
    with Anvil(profile=profile, state=state, extra=extra) as anvil:
        network, installation = a_network(finality), InstallationId(uuid.uuid4())
        chain = connect(network, Endpoint(url=anvil.url), installation)
        world = World(anvil, chain, network, installation)
        world.install_factory()
        yield world
