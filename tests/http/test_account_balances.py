"""What an issuing account holds is read from its networks, while one waits."""

from application.ports.chain import ChainUnavailableError, WrongChainError


def balances(person, account=None):
    account = account or person.get("/v1/accounts").json()["data"][0]["id"]
    answered = person.get(f"/v1/accounts/{account}/balances")
    assert answered.status_code == 200, answered.text
    return answered.json()["data"]


def address_of(person):
    return person.get("/v1/accounts").json()["data"][0]["address"]


def test_what_it_holds_is_what_the_chain_says(site, ada):
    (before,) = balances(ada)
    assert (before["balance"], before["address"]) == ("0", address_of(ada))
    site.house.chain.fund(address_of(ada), 12_345_678_901_234_567_890)
    (after,) = balances(ada)
    assert after == before | {"balance": "12345678901234567890"}
    assert after["network"] == site.house.network
    assert (after["currency"], after["decimals"]) == ("MEM", 18)


def test_whoever_cannot_be_asked_is_named(site, ada, monkeypatch):
    for error, code in (
        (ChainUnavailableError("gone"), "node_unavailable"),
        (WrongChainError("another"), "network_halted"),
    ):

        def fail(self, address, error=error):
            raise error

        monkeypatch.setattr(type(site.house.chain), "signer_state", fail)
        (told,) = balances(ada)
        assert (told["balance"], told["balance_missing"]["code"]) == (None, code)


def test_an_account_without_an_address_holds_nothing(site):
    ada = site.register(ready=False)
    assert balances(ada) == []


def test_nobody_sees_what_others_hold(site, ada):
    bob = site.register("bob@example.org")
    account = ada.get("/v1/accounts").json()["data"][0]["id"]
    answered = bob.get(f"/v1/accounts/{account}/balances")
    assert (answered.status_code, answered.json()["code"]) == (404, "not_found")
