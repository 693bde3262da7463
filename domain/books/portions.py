"""The arithmetic of what holds take, capture and give back, done a second time."""

from collections.abc import Iterable

from domain.books.rows import PortionRow


def total(portions: Iterable[PortionRow]) -> int:
    return sum(portion.amount for portion in portions)


def first(portions: Iterable[PortionRow], amount: int) -> list[PortionRow]:
    """The first *amount* credits of *portions*."""
    front = []
    for portion in portions:
        part = min(portion.amount, amount)
        if part > 0:
            front.append(PortionRow(portion.lot, part))
        amount -= part
    return front


def last_first(portions: Iterable[PortionRow], kept: int) -> list[PortionRow]:
    """What is left of *portions* behind their first *kept* credits, the last one first."""
    behind = []
    for portion in portions:
        stays = min(portion.amount, kept)
        kept -= stays
        if portion.amount > stays:
            behind.append(PortionRow(portion.lot, portion.amount - stays))
    return behind[::-1]


def told(portions: Iterable[PortionRow]) -> str:
    return ", ".join(f"{each.amount} of lot {each.lot}" for each in portions) or "nothing"
