"""A fresh ledger for every test, and a repair of the library that keeps it."""

import pytest
from algopy import arc4
from algopy_testing import algopy_testing_context

TUPLE = type(arc4.Tuple)
PARAMETRISED = TUPLE.__getitem__


def of_one_or_more(kind, items):
    """algorand-python-testing 1.1.0 takes a tuple of one for its item; drafts emit such tuples."""
    return PARAMETRISED(kind, items if isinstance(items, tuple) else (items,))


TUPLE.__getitem__ = of_one_or_more


@pytest.fixture
def context():
    with algopy_testing_context() as fresh:
        yield fresh
