"""Which programs a network runs, by its file and by the word of its node.

A program says in its first byte which version of the AVM it was compiled for, and a chain refuses
those above its own.  The network's file says what ours may need there (`Network.avm`); the node
says under which consensus version its chain is now.  Both must allow a program before anything is
signed for it: a transaction that creates an impossible program costs a window, and a kind that was
offered too early a customer.
"""

from collections.abc import Mapping
from typing import Final

from adapters.algorand.kind import Kind
from domain.errors import FieldFault, Refusal
from domain.network import Network
from domain.operation import Postponed, WaitReason
from domain.token import TokenKind

_SPECS = "https://github.com/algorandfoundation/specs/tree/"
#: Highest AVM version under each consensus version.  The names are what nodes call them
#: (go-algorand, protocol/consensus.go), the numbers LogicSigVersion (config/consensus.go).
#: No order is read into them: what is not here is not known.
AVM_BY_CONSENSUS: Final[Mapping[str, int]] = {
    f"{_SPECS}2dd5435993f6f6d65691140f592ebca5ef19ffbd": 7,  # v34
    f"{_SPECS}433d8e9a7274b6fca703d91213e05c7e6a589e69": 7,  # v35
    f"{_SPECS}44fa607d6051730f5264526bf3c108d51f0eadb6": 8,  # v36: boxes
    f"{_SPECS}1ac4dd1f85470e1fb36c8a65520e1313d7dfed5e": 8,  # v37
    f"{_SPECS}abd3d4823c6f77349fc04c3af7b1e99fe4df699f": 9,  # v38
    f"{_SPECS}925a46433742afb0b51bb939354bd907fa88bf95": 10,  # v39
    f"{_SPECS}236dcc18c9c507d794813ab768e467ea42d1b4d9": 11,  # v40
    f"{_SPECS}953304de35264fc3ef91bcd05c123242015eeaed": 12,  # v41
    f"{_SPECS}268b63433a907455d439995bf916f6b296018f4f": 13,  # v42
    # Of development networks.  What it allows grows with each release of the node: 12 since v40.
    "future": 12,
    "aramidmain-v1.0/1": 6,
    "aramidmain-v1.0/2": 10,
}


def offered(kinds: Mapping[TokenKind, Kind], network: Network) -> Mapping[TokenKind, Kind]:
    """Those of *kinds* that the network's file allows."""
    return {name: kind for name, kind in kinds.items() if _forbids(network, kind) is None}


def not_offered(kinds: Mapping[TokenKind, Kind], network: Network, name: TokenKind) -> Refusal:
    """Why *name* is none of those."""
    others = ", ".join(offered(kinds, network))
    why = _forbids(network, kinds[name]) if name in kinds else None
    message = f"{name} is not offered here{f': {why}' if why else ''}; {others} are"
    fault = FieldFault("", "unknown_kind", message)
    return Refusal(code="invalid_token", detail=message, faults=(fault,))


def shortcoming(network: Network, kind: Kind, consensus: str) -> Postponed | None:
    """Why nothing may be signed for *kind* while the node's chain is under *consensus*.

    It may pass: networks are upgraded, and files corrected.
    """
    needed = kind.needs_avm
    if needed is None:
        return None
    forbidden = _forbids(network, kind)
    if forbidden is not None:
        return Postponed(WaitReason.OPERATOR, f"{kind.name} is not offered any more: {forbidden}")
    found = AVM_BY_CONSENSUS.get(consensus)
    if found is None:
        detail = (
            f"{kind.name} needs AVM {needed}, and the node is under the consensus version "
            f"{consensus!r}, of which it is not known what it runs"
        )
        return Postponed(WaitReason.OPERATOR, detail)
    if found < needed:
        detail = (
            f"{kind.name} needs AVM {needed}, and the node runs up to {found}, being under the "
            f"consensus version {consensus}"
        )
        return Postponed(WaitReason.OPERATOR, detail)
    return None


def _forbids(network: Network, kind: Kind) -> str | None:
    """What the network's file has against *kind*."""
    needed = kind.needs_avm
    if needed is None or (network.avm is not None and needed <= network.avm):
        return None
    most = f"up to {network.avm}" if network.avm is not None else "none"
    return f"it needs AVM {needed}, and {network.name} is configured to run {most}"
