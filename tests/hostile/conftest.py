"""Attacks by name, each as an attacker would try it: docs/security.md lists them."""

import pytest

from tests.http.conftest import ada, house, services, site  # noqa: F401 - fixtures


@pytest.fixture
def eve(site):  # noqa: F811 - the fixture above
    """Somebody with an organisation of their own, who wants more."""
    return site.register("eve@evil.example")
