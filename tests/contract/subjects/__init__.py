"""The adapters under contract.

A module here offers a port by defining a context manager of the port's name: ``store``, ``chain``,
``custodian``, ``key_wrapping``, ``clock``, ``identifiers``, ``passwords``.  It yields the adapter;
for a chain, an `ASubjectChain`, for a custodian or a wrapping, the port itself.  A subject may
outlive the test: tests use fresh identities, and look only at what they made themselves.

``chain`` yields an object with everything the tests need to move the world::

    chain                        the port
    treasury                     address of a funded account that signs
    sign(draft)                  [(public key, signature)] for the draft's signables, in order
    kind, parameters             a valid token of this chain
    mine(blocks)                 that many blocks, with whatever the pool can give
    finalise()                   blocks until everything mined before is final
    hold_back()                  a context manager: nothing is mined in it unless `mine` is called
    reorg(depth)                 take back that many blocks; None where it cannot be done
    foreign_transaction()        use the treasury's next nonce for something that is not ours
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from application.ports.chain import Chain
from domain.operation import Draft
from domain.signing import PublicKey, Signature
from domain.token import TokenKind


class ASubjectChain(Protocol):
    chain: Chain
    treasury: str
    kind: TokenKind
    parameters: Mapping[str, object]
    #: Price ceiling per unit of gas with room for several replacements.
    fee_ceiling: int
    #: None where blocks cannot be taken back.
    reorg: Callable[[int], None] | None

    def sign(self, draft: Draft) -> Sequence[tuple[PublicKey, Signature]]: ...
    def mine(self, blocks: int = 1) -> None: ...
    def finalise(self) -> None: ...
    def hold_back(self) -> AbstractContextManager[object]: ...
    def foreign_transaction(self) -> None: ...
