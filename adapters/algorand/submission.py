"""Handing a group to a node, and what it makes of it."""

from adapters.algorand.errors import meaning
from adapters.algorand.group import first_id
from adapters.algorand.node import AnswerError
from adapters.algorand.reads import Reader
from application.ports.chain import ChainUnavailableError
from domain.operation import SignedTransaction, Submission, TransactionId, Verdict

BAD_REQUEST = 400


def submitted(reader: Reader, transaction: SignedTransaction) -> Submission:
    """Only a refusal of the bytes is judged by its words, and an own lease holds nobody out.

    Raises:
        UnreachableError: none of them has left.
        ChainUnavailableError: no answer; they may have arrived.
    """
    try:
        named = reader.send(transaction.raw)
    except AnswerError as error:
        if error.status != BAD_REQUEST:
            return Submission(Verdict.UNKNOWN, reader.node.words(str(error)))
        said = meaning(error.said)
        if said.verdict is Verdict.UNKNOWN and _is_known(reader, transaction.id):
            # A node that has it in a block says that the lease is taken: by this very one.
            return Submission(Verdict.ALREADY_KNOWN, said.detail)
        return said
    if named != first_id(transaction.raw):
        detail = f"the node calls the group of {transaction.id} {named}"
        return Submission(Verdict.UNKNOWN, reader.node.words(detail))
    return Submission(Verdict.ACCEPTED)


def _is_known(reader: Reader, id: TransactionId) -> bool:
    try:
        known = reader.whereabouts(id)
    except (AnswerError, ChainUnavailableError):
        return False
    return known is not None and (known.round is not None or not known.pool_error)
