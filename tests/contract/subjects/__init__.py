"""The adapters under contract.

A module here offers a port by defining a context manager of the port's name: ``store``, ``chain``,
``custodian``, ``key_wrapping``, ``cipher``, ``clock``, ``identifiers``, ``passwords``,
``metadata_store``.  It yields the port itself; for a chain, an `ASubjectChain`.  A subject may
outlive the test: tests use fresh identities, and look only at what they made themselves.

``chain`` yields an object with everything the tests need to move the world::

    chain                        the port
    treasury                     address of a funded account that signs
    owner                        address that shall own; it signs where the chain wants it to
    stranger                     an address without any money
    sign(draft)                  [(public key, signature)] for the draft's signables, in order
    kind, parameters             a valid token of this chain
    symbol                       how the kind calls the field that becomes the token's symbol
    slot(intent, number)         a slot for the intent's step, as one would be reserved now
    mine(blocks)                 that many blocks, with whatever the pool can give
    finalise()                   blocks until everything mined before is final

A module whose nodes can be told when to make a block offers it as ``patient_chain`` too::

    hold_back()                  a context manager: nothing is mined in it unless `mine` is called

A module whose chain counts (nonces) offers it as ``counting_chain`` too; blocks are not final at
once there, and can be taken back::

    reorg(depth)                 take back that many blocks
    foreign_transaction()        use the treasury's next nonce for something that is not ours

A module whose chain carries orders out offers it as ``ordering_chain``; one that does not define
it is exempt::

    orders                       orders that work one after the other on a fresh token of the kind:
                                 at least one that changes its supply
    impossible                   an order that the rules allow and the token's state does not
    many_steps                   a kind whose tokens are made in several steps; None: it has none
    sign(draft), slot(intent)    for the owner too, where the step is the owner's

A module whose slots are leases with windows offers it as ``windowed_chain``::

    raise_price()                so that the next draft differs from the last one
    pass_rounds(number)          blocks until the newest is of that number; whether what waits is
                                 in them is the chain's business

and as ``forgetful_chain`` if its nodes forget on request, and pass rounds in empty blocks::

    evict(id)                    out of every pool
    forget()                     the node remembers no transactions, only blocks
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from application.ports.chain import Chain
from domain.operation import Draft, Intent, Slot, TransactionId
from domain.signing import PublicKey, Signature
from domain.token import Action, TokenKind


class ASubjectChain(Protocol):
    chain: Chain
    treasury: str
    owner: str
    stranger: str
    kind: TokenKind
    parameters: Mapping[str, object]
    symbol: str
    #: Price ceiling per unit of gas, or per transaction, with room for several replacements.
    fee_ceiling: int

    def sign(self, draft: Draft) -> Sequence[tuple[PublicKey, Signature]]: ...
    def slot(self, intent: Intent, number: int = 1) -> Slot: ...
    def mine(self, blocks: int = 1) -> None: ...
    def finalise(self) -> None: ...


class APatientChain(ASubjectChain, Protocol):
    def hold_back(self) -> AbstractContextManager[object]: ...


class AnOrderingChain(ASubjectChain, Protocol):
    orders: Sequence[tuple[Action, Mapping[str, object]]]
    impossible: tuple[Action, Mapping[str, object]]
    many_steps: TokenKind | None


class ACountingChain(APatientChain, Protocol):
    def reorg(self, depth: int) -> None: ...
    def foreign_transaction(self) -> None: ...


class AWindowedChain(ASubjectChain, Protocol):
    def raise_price(self) -> None: ...
    def pass_rounds(self, number: int) -> None: ...


class AForgetfulChain(AWindowedChain, APatientChain, Protocol):
    def evict(self, id: TransactionId) -> None: ...
    def forget(self) -> None: ...
