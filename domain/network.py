"""A network: one chain, named by CAIP-2, and the rules by which we use it."""

from datetime import timedelta
from enum import Enum

from attrs import field, frozen, validators

from domain.identifiers import NetworkId
from domain.signing import Curve, KeyUse

#: Of the programs that Algorand's chains run (go-algorand 5.0, consensus v42: LogicSigVersion).
HIGHEST_AVM = 13


class Family(Enum):
    EVM = "evm"
    ALGORAND = "algorand"

    @property
    def curve(self) -> Curve:
        return Curve.SECP256K1 if self is Family.EVM else Curve.ED25519

    @property
    def key_use(self) -> KeyUse:
        return KeyUse.EVM_ACCOUNT if self is Family.EVM else KeyUse.ALGORAND_ACCOUNT

    @property
    def has_nonces(self) -> bool:
        """Slots of a signer are given away one after the other, and so many are open at once."""
        return self is Family.EVM

    @property
    def rekeys(self) -> bool:
        """An address can be ruled by another key than the one it was made of."""
        return self is Family.ALGORAND


class NetworkClass(Enum):
    DEVELOPMENT = "development"
    TEST = "test"
    LIVE = "live"


@frozen(kw_only=True)
class Block:
    #: Block number (EVM) or round (Algorand).
    number: int = field(validator=validators.ge(0))
    hash: str


@frozen(kw_only=True)
class Finality:
    """When a block is final: named by the node's own tag, or by depth below the head."""

    #: ``finalized`` or ``safe``; None where depth decides.
    tag: str | None = None
    #: Blocks on top of a final one; None where the tag decides.
    depth: int | None = None

    def __attrs_post_init__(self) -> None:
        if (self.tag is None) == (self.depth is None):
            raise ValueError("finality is named by a tag or by a depth, and by one of them")


@frozen(kw_only=True)
class Network:
    id: NetworkId
    name: str
    family: Family
    network_class: NetworkClass
    finality: Finality
    #: Highest price that we offer, in the chain's base units: per unit of gas (wei), or per
    #: transaction (microalgos).
    fee_ceiling: int = field(validator=validators.gt(0))
    native_currency: str
    native_decimals: int
    #: How often a waiting operation is looked at.
    poll: timedelta
    #: How long after its broadcast a transaction that is not included is replaced.
    replace_after: timedelta
    #: ``{}`` stands for the transaction id or the address.
    explorer_transaction: str | None = None
    explorer_address: str | None = None
    #: ``{}`` stands for the token; None: as an address.
    explorer_token: str | None = None
    #: ``{}`` stands for the id of an application that is a token; None: as a token.
    explorer_application: str | None = None
    #: The whole genesis hash in base64, on chains whose CAIP-2 name holds but a part of it.
    genesis: str | None = None
    #: How many nodes must agree before something is called final.
    min_sources: int = field(default=1, validator=validators.ge(1))
    #: In how many rounds a transaction may land, on chains with windows.
    window: int = field(default=150, validator=[validators.ge(20), validators.le(1000)])
    #: Highest version of the AVM that programs of ours may need here; None: there are none.
    avm: int | None = field(
        default=None,
        validator=validators.optional([validators.ge(1), validators.le(HIGHEST_AVM)]),
    )

    @property
    def base_unit(self) -> str:
        """What whole numbers of native coin count."""
        return "wei" if self.family is Family.EVM else "microalgos"

    @property
    def live(self) -> bool:
        """Development counts as test (spec/api.md, Modes)."""
        return self.network_class is NetworkClass.LIVE


@frozen(kw_only=True)
class NetworkStatus:
    """What we last knew of a network; a halted one gets nothing signed until a person says so."""

    id: NetworkId
    #: The newest final block whose hash we have seen; it must never change.
    final: Block | None = None
    halted: str | None = None
