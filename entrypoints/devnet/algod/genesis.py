"""The first state of a chain, whose hash is the chain's name."""

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entrypoints.devnet.algod.encoding import address_text, base64_text, digest, pack

NETWORK = "tallystick-devnet"
SCHEMA = "v1"
#: v40: AVM 11, notes of 1,024 bytes.
PROTOCOL = (
    "https://github.com/algorandfoundation/specs/tree/236dcc18c9c507d794813ab768e467ea42d1b4d9"
)
#: The counter of transactions that protocols since v28 start with, so no asset has a smaller id.
FIRST_COUNT = 1000
_DISPENSER_MICROALGOS = 9_000_000_000_000_000
_OWN_MICROALGOS = 1_000_000
_TIMESTAMP = 1_750_000_000


@dataclass(frozen=True)
class Genesis:
    """A chain's beginning.  Another seed makes another chain under the same genesis id, which is
    what a misdirected client meets in the field.
    """

    seed: str = ""

    @property
    def id(self) -> str:
        return f"{NETWORK}-{SCHEMA}"

    @property
    def hash(self) -> bytes:
        return digest(b"GE", pack(self.content()))

    @property
    def caip2(self) -> str:
        """The network's name: CAIP-2 takes 32 characters of the URL-safe hash."""
        name = base64_text(self.hash).replace("+", "-").replace("/", "_")
        return f"algorand:{name[:32]}"

    @property
    def timestamp(self) -> int:
        return _TIMESTAMP

    @property
    def fee_sink(self) -> bytes:
        return digest(b"", b"tallystick devnet fee sink")

    @property
    def rewards_pool(self) -> bytes:
        return digest(b"", b"tallystick devnet rewards pool")

    @property
    def dispenser_key(self) -> Ed25519PrivateKey:
        """Known to everybody, as befits a development chain."""
        seed = f"tallystick devnet dispenser {self.seed}".encode()
        return Ed25519PrivateKey.from_private_bytes(digest(b"", seed))

    @property
    def dispenser(self) -> bytes:
        return self.dispenser_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def balances(self) -> dict[bytes, int]:
        return {
            self.dispenser: _DISPENSER_MICROALGOS,
            self.fee_sink: _OWN_MICROALGOS,
            self.rewards_pool: _OWN_MICROALGOS,
        }

    def content(self) -> dict[str, Any]:
        """As GET /genesis shows it and as it is hashed."""
        comments = {
            self.dispenser: "dispenser",
            self.fee_sink: "FeeSink",
            self.rewards_pool: "RewardsPool",
        }
        content: dict[str, Any] = {
            "alloc": [
                {
                    "addr": address_text(address),
                    "comment": comments[address],
                    "state": {"algo": microalgos},
                }
                for address, microalgos in self.balances().items()
            ],
            "fees": address_text(self.fee_sink),
            "id": SCHEMA,
            "network": NETWORK,
            "proto": PROTOCOL,
            "rwd": address_text(self.rewards_pool),
            "timestamp": _TIMESTAMP,
        }
        return {**content, "comment": self.seed} if self.seed else content
