import pytest

from benchmarks.installation import installed


@pytest.fixture(scope="session")
def place():
    """One installation for all of what measures it."""
    with installed(customers=2, workers=1) as place:
        yield place
