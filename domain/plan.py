"""What a deployment will do, before it does it, and the hash that binds an approval to it."""

import hashlib
from collections.abc import Mapping

from attrs import frozen

from domain.audit import JsonValue, canonical
from domain.identifiers import NetworkId, OperationId
from domain.operation import WaitReason
from domain.token import Token


@frozen(kw_only=True)
class SignerPlan:
    #: Of the account that signs.
    address: str
    #: Scheme of the custodian that holds its key.
    custodian: str
    #: Why that custodian cannot sign it, as a code; None: it can.
    impediment: str | None = None


@frozen(kw_only=True)
class StepPlan:
    #: ``create``, ``fund``.
    name: str
    #: Everybody who signs it, in order.
    signers: tuple[SignerPlan, ...]


@frozen(kw_only=True)
class Plan:
    deployment: OperationId
    network: NetworkId
    token: Token
    #: Address that will own the token.
    owner: str
    #: Address that signs and pays for all attempts.
    sender: str
    #: Where the token will be; None on chains that cannot know.
    predicted: str | None
    steps: tuple[StepPlan, ...]
    #: Price per unit of gas, or per transaction, at most; in base units.
    fee_ceiling: int
    credits: int

    @property
    def content(self) -> Mapping[str, JsonValue]:
        """Everything that is fixed: no quotes, nonces or windows."""
        return {
            "address": self.predicted,
            "credits": self.credits,
            "fee_ceiling": str(self.fee_ceiling),
            "kind": self.token.kind,
            "network": self.network,
            "owner": self.owner,
            "sender": self.sender,
            "steps": [
                {"name": step.name, "signers": [each.address for each in step.signers]}
                for step in self.steps
            ],
            "token": dict(self.token.parameters),
        }

    @property
    def hash(self) -> bytes:
        """SHA-256 over `content`."""
        return hashlib.sha256(b"tallystick.plan.v2\0" + canonical(self.content)).digest()


@frozen(kw_only=True)
class Quote:
    """What it would cost at this moment.  Not part of what is agreed on."""

    gas: int
    gas_price: int
    #: Native coin that stays locked up for as long as the token is held, in base units.
    deposit: int = 0
    warnings: tuple[str, ...] = ()
    #: Why it would wait if it were asked for now; None where it would not.
    would_wait_for: WaitReason | None = None
