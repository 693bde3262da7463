"""What several nodes' answers to one submission mean together, where none of them has the bytes.

- A hint survives: the first one that was given.
- *Rejected* is said where every node that may have seen the bytes rejects them.  A node that
  answered anything else may spread them all the same, and a node that raised has not been sent
  them.
- Everything else is unknown.
"""

from collections.abc import Sequence

from adapters.pool.verdicts import Failures
from domain.operation import Hint, Submission, Verdict


def taken(answer: Submission) -> bool:
    return answer.verdict in {Verdict.ACCEPTED, Verdict.ALREADY_KNOWN}


def is_answer(answer: Submission) -> bool:
    """Whether it tells that the node is there: an adapter has a word for silence too."""
    return answer.verdict is not Verdict.UNKNOWN or answer.hint is not Hint.NONE


def together(answers: Sequence[Submission], failures: Failures) -> Submission:
    for answer in answers:
        if answer.hint is not Hint.NONE:
            return Submission(Verdict.UNKNOWN, answer.detail, answer.hint)
    if answers and all(answer.verdict is Verdict.REJECTED for answer in answers):
        return answers[0]
    told = "; ".join([*(answer.detail for answer in answers), *failures.silent])
    return Submission(Verdict.UNKNOWN, told)
