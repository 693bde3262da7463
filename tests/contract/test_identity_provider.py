"""What every provider of log-ins promises, whatever is behind it."""

from uuid import UUID

import pytest
from attrs import evolve

from adapters.memory.identity_provider import Account
from application.access.sign_in_flow import FlowToken
from application.ports.identity_provider import (
    Answer,
    Identified,
    IdentityRefusedError,
    IdentityUnavailableError,
)

ADA = Account("sub-ada", "ada@example.org")


def a_handshake(number=1):
    return FlowToken(flow=UUID(int=number), secret=bytes([number]) * 32).handshake


def test_whoever_logs_in_is_identified_and_the_state_comes_back(identity_provider):
    port, shaken = identity_provider.port, a_handshake()
    state, answer = identity_provider.log_in(port.page(shaken), ADA)
    assert state == shaken.state
    assert port.identify(answer, shaken) == Identified(
        issuer=port.issuer, subject="sub-ada", verified_email="ada@example.org"
    )


@pytest.mark.parametrize(
    "account", [Account("sub-ada"), Account("sub-ada", "ada@example.org", is_verified=False)]
)
def test_an_address_is_told_only_where_it_is_verified(identity_provider, account):
    port, shaken = identity_provider.port, a_handshake()
    _, answer = identity_provider.log_in(port.page(shaken), account)
    assert port.identify(answer, shaken).verified_email is None


def test_the_page_tells_neither_the_verifier_nor_anything_it_could_be_made_of(identity_provider):
    shaken = a_handshake()
    assert shaken.verifier not in identity_provider.port.page(shaken)


def test_a_code_is_good_once_and_for_its_own_sign_in(identity_provider):
    port, mine, other = identity_provider.port, a_handshake(1), a_handshake(2)
    _, answer = identity_provider.log_in(port.page(mine), ADA)
    port.identify(answer, mine)
    with pytest.raises(IdentityRefusedError):
        port.identify(answer, mine)
    _, stolen = identity_provider.log_in(port.page(other), ADA)
    with pytest.raises(IdentityRefusedError):
        port.identify(stolen, mine)


def test_a_swapped_nonce_is_refused(identity_provider):
    port, shaken = identity_provider.port, a_handshake(1)
    _, answer = identity_provider.log_in(port.page(shaken), ADA)
    with pytest.raises(IdentityRefusedError):
        port.identify(answer, evolve(shaken, nonce=a_handshake(2).nonce))


def test_made_up_codes_and_answers_of_others_are_refused(identity_provider):
    port, shaken = identity_provider.port, a_handshake()
    with pytest.raises(IdentityRefusedError):
        port.identify(Answer(code="made-up", issuer=port.issuer), shaken)
    _, answer = identity_provider.log_in(port.page(shaken), ADA)
    with pytest.raises(IdentityRefusedError):
        port.identify(evolve(answer, issuer="https://evil.example"), shaken)


def test_one_that_does_not_answer_is_unavailable(identity_provider):
    identity_provider.go_away()
    with pytest.raises(IdentityUnavailableError):
        identity_provider.port.page(a_handshake())
