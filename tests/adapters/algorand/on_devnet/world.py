"""Development nodes, the chain adapter before one of them, and accounts that sign.

with a_world() as world:
    slot = world.deployed(world.intent())
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from algosdk.encoding import encode_address
from attrs import define, evolve, field, frozen
from nacl.signing import SigningKey

from adapters.algorand import connect
from application.ports.chain import Chain
from application.ports.nodes import Endpoint
from domain.identifiers import InstallationId, NetworkId, OperationId, OrganisationId
from domain.network import Family, Finality, Network, NetworkClass
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Intent,
    LeaseWindow,
    SignedTransaction,
    Slot,
    Verdict,
)
from domain.signing import Curve, PublicKey, Signature
from domain.token import Action, Order, Token, TokenKind, TokenState
from entrypoints.devnet import algod

FUNGIBLE, UNIQUE, FRACTIONAL = (TokenKind(name) for name in ("asa_ft", "asa_nft", "asa_fnft"))
MINTABLE, PREMINTED = TokenKind("arc200_mintable"), TokenKind("arc200_preminted")
SECURITY = TokenKind("arc1400_mintable")
#: Those whose tokens are applications.
CONTRACTS = (MINTABLE, PREMINTED, SECURITY)
PARAMETERS = {
    FUNGIBLE: {"name": "Hazel", "unit_name": "HZL", "total": "1000", "decimals": 2},
    UNIQUE: {"name": "Deed", "unit_name": "DEED"},
    FRACTIONAL: {"name": "House", "unit_name": "HOUSE", "decimals": 6},
    MINTABLE: {
        "name": "Voucher", "symbol": "VCH", "decimals": 2, "initial_supply": "1000", "cap": "5000",
    },
    PREMINTED: {"name": "Share", "symbol": "SHR", "decimals": 0, "supply": "1000"},
    SECURITY: {"name": "Holding", "symbol": "HLD", "decimals": 0, "initial_supply": "1000"},
}  # fmt: skip
CEILING = 100_000
#: Short, so that a test need not pass many rounds.
WIDTH = 20
ALGO = 1_000_000
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@frozen
class Account:
    """A key and, unless it was rekeyed, its address."""

    _key: SigningKey = field(factory=SigningKey.generate, repr=False)

    @property
    def public_key(self) -> PublicKey:
        return PublicKey(Curve.ED25519, bytes(self._key.verify_key))

    @property
    def address(self) -> str:
        return str(encode_address(self.public_key.raw))

    def sign(self, message: bytes) -> tuple[PublicKey, Signature]:
        return self.public_key, Signature(Curve.ED25519, self._key.sign(message).signature)


def a_network(name: str, genesis: str | None, window: int = WIDTH) -> Network:
    return Network(
        id=NetworkId(name),
        name="devnet",
        family=Family.ALGORAND,
        network_class=NetworkClass.DEVELOPMENT,
        finality=Finality(depth=0),
        fee_ceiling=CEILING,
        native_currency="ALGO",
        native_decimals=6,
        poll=timedelta(seconds=1),
        replace_after=timedelta(seconds=30),
        genesis=genesis,
        window=window,
        avm=12,
    )


@define(eq=False)
class World:
    nodes: algod.Network
    network: Network
    installation: InstallationId
    chain: Chain
    treasury: Account = field(factory=Account)
    issuer: Account = field(factory=Account)
    #: By address, whoever may have to sign.
    keys: dict[str, Account] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for each in (self.treasury, self.issuer):
            self.keys[each.address] = each

    def seen_through(self, node: int = 0, **changes: object) -> Chain:
        """The same network through another node, or told otherwise."""
        endpoint = Endpoint(url=self.nodes.nodes[node].url)
        return connect(evolve(self.network, **changes), endpoint, self.installation)

    # What the product would do

    def token(self, kind: TokenKind = FUNGIBLE, **changes: object) -> Token:
        token = self.chain.token(kind, PARAMETERS[kind] | changes)
        assert isinstance(token, Token), token
        return token

    def intent(self, token: Token | None = None, **changes: object) -> Intent:
        return evolve(
            Intent(
                organisation=OrganisationId(uuid.uuid4()),
                operation=OperationId(uuid.uuid4()),
                step=1,
                token=token or self.token(),
                owner=self.issuer.address,
                sender=self.treasury.address,
            ),
            **changes,
        )

    def slot(self, intent: Intent, number: int = 1) -> Slot:
        """In the window of now, or in the next one where too little is left of it."""
        left = self.network.window - (self.nodes.round + 1) % self.network.window
        if left < 15:
            self.nodes.advance(left)
        terms = self.chain.slot_terms(intent)
        assert isinstance(terms, LeaseWindow), terms
        return Slot(
            number=number,
            network=self.network.id,
            signer=intent.sender,
            lease=terms.lease,
            valid_until=terms.valid_until,
        )

    def sign(self, draft: Draft) -> Sequence[tuple[PublicKey, Signature]]:
        return [self.keys[each.signer].sign(each.message) for each in draft.signables]

    def drafted(self, intent: Intent, slot: Slot) -> Draft:
        draft = self.chain.prepare(intent, slot, AttemptRole.EFFECT, CEILING)
        assert isinstance(draft, Draft), draft
        return draft

    def attempted(
        self, intent: Intent, slot: Slot | None = None
    ) -> tuple[Slot, SignedTransaction]:
        """The slot with one attempt more, which nobody has been sent."""
        slot = slot or self.slot(intent)
        draft = self.drafted(intent, slot)
        transaction = self.chain.assemble(draft, self.sign(draft))
        attempt = Attempt(
            number=len(slot.attempts) + 1,
            transaction_id=transaction.id,
            raw=transaction.raw,
            body=draft.body,
            fee_cap=draft.fee_cap,
            signed_at=NOW,
        )
        return slot.with_attempt(attempt), transaction

    def sent(self, intent: Intent, slot: Slot | None = None) -> tuple[Slot, SignedTransaction]:
        slot, transaction = self.attempted(intent, slot)
        submission = self.chain.submit(transaction)
        assert submission.verdict is Verdict.ACCEPTED, submission
        return slot, transaction

    def deployed(self, intent: Intent) -> Slot:
        """The intent's effect, in a block."""
        slot, _ = self.sent(intent)
        self.nodes.mine()
        return slot

    def issued(self, token: Token, **changes: object) -> Intent:
        """Of the last step of a token that is there."""
        intent = self.intent(token, **changes)
        for step, _ in enumerate(self.chain.steps(token), start=1):
            intent = evolve(intent, step=step)
            self.deployed(intent)
            effect = self.chain.effect_of(intent)
            assert isinstance(effect, Effect), effect
            intent = evolve(intent, place=effect.token)
        return intent

    def ordered(self, made: Intent, action: Action, **fields: object) -> Intent:
        """An operation on the token that *made* brought about."""
        order = self.chain.order(made.token, action, fields)
        assert isinstance(order, Order), order
        return evolve(made, operation=OperationId(uuid.uuid4()), step=1, order=order)

    def shown(self, made: Intent) -> TokenState:
        state = self.chain.state(made.token, made.place or "")
        assert state is not None
        return state

    # What the world does

    def pass_window(self, slot: Slot) -> None:
        """Until the first round in which nothing of *slot* may land any more has passed."""
        end = slot.valid_until or 0
        self.nodes.advance(max(0, end + 1 - self.nodes.round))

    def balance(self, account: Account) -> int:
        return self.nodes.ledger.balance(account.address)


@contextmanager
def a_world(
    *, nodes: int = 1, kept_rounds: Sequence[int | None] = (), window: int = WIDTH
) -> Iterator[World]:
    """Nodes where nothing is mined that the test does not mine, and a treasury with 1,000."""
    with algod.devnet(nodes=nodes, mode="manual", kept_rounds=kept_rounds) as running:
        network = a_network(running.caip2, running.genesis_hash, window)
        installation = InstallationId(uuid.uuid4())
        chain = connect(network, Endpoint(url=running.nodes[0].url), installation)
        world = World(running, network, installation, chain)
        running.fund(world.treasury.address, 1_000 * ALGO)
        yield world
