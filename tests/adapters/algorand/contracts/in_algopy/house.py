"""A security token with some holders, and how to read what it answers."""

from chain import ALICE, BOB, CONTROLLER, Chain, operation

from adapters.algorand.standards.arc1400.contract_mintable import TallystickSecurity

NAME, SYMBOL = b"Shares".ljust(32, b"\0"), b"SHR".ljust(8, b"\0")
#: Two partitions beside the default one.
SERIES, LOCKED = b"S" * 32, b"L" * 32
WITHOUT_LIMIT = 2**256 - 1


def unborn(context, *, controllable=True, justified=False, interval=0):
    return Chain(
        context, TallystickSecurity, NAME, SYMBOL, 6, CONTROLLER, controllable, justified, interval
    )


def peopled(context, **conditions):
    """Alice has 100 of the default partition, Bob 50 of the series."""
    token = unborn(context, **conditions)
    token("bootstrap", operation(0), 100, ALICE)
    token("issue_once", operation(1), BOB, SERIES, 50, b"why")
    return token


def part(token, holder, partition):
    return token("arc1410_balance_of_partition", holder, partition)


def partitions(token, holder, page=0):
    """The addresses that partitions_of answers."""
    answer = token("arc1410_partitions_of", holder, page)
    found = [answer[start : start + 32] for start in range(2, len(answer), 32)]
    assert int.from_bytes(answer[:2], "big") == len(found)
    return found


def verdict(token, sender, partition, to, amount, *, caller=None):
    """Code and partition that can_transfer answers; its reason is always empty."""
    asked = (sender, partition, to, amount, b"")
    answer = token("arc1410_can_transfer_by_partition", *asked, sender=caller or sender)
    assert answer[1:3] == bytes([0, 35])
    assert answer[35:] == bytes(2)
    return answer[0], answer[3:35]
