"""What was issued, as its chain shows it, and what its holders are told."""

import pytest
from attrs import evolve

from adapters.memory.chain import a_network
from domain.network import Family
from domain.token import Power, Token
from entrypoints.http import compliance
from entrypoints.http.representations import token_url
from entrypoints.http.schemas import SCHEMAS
from tests.http.test_events import NEVER_SAID


def indicators(person, token):
    answered = person.get(token["links"]["compliance_indicators"])
    assert answered.status_code == 200, answered.text
    return answered.json()


def rewrite(site, **changes):
    """Let the chain show the token otherwise, whoever did that."""
    state = site.house.chain.state

    def changed(token, place):
        return evolve(state(token, place), **changes)

    site.house.chain.state = changed


def test_a_token_is_what_a_completed_deployment_has_made(site, ada):
    deployment = ada.deploy(client_reference="hazel", metadata={"isin": "X"})
    id = deployment["id"].replace("dep_", "tok_")
    early = ada.get(f"/v1/tokens/{id}")
    assert (early.status_code, early.json()["code"]) == (409, "token_not_issued")
    assert ada.get("/v1/tokens").json()["data"] == []

    site.work_until_done()

    token = ada.get(f"/v1/tokens/{id}").json()
    done = ada.get(deployment["links"]["self"]).json()
    assert token["deployment"] == done["id"]
    assert (token["address"], token["owner"]) == (done["address"], done["owner"])
    assert (token["client_reference"], token["metadata"]) == ("hazel", {"isin": "X"})
    assert token["actions"] == ["mint", "burn", "pause", "unpause"]
    assert token["state"]["supply"] == "1000"
    assert token["state"]["powers"]["mint"] == [token["owner"]]
    assert token["state"]["block"]["number"] > 0
    assert (token["differences"], token["operations_under_way"]) == ([], False)
    (listed,) = ada.get("/v1/tokens").json()["data"]
    assert listed.items() <= token.items()
    for link in token["links"].values():
        assert ada.get(link).status_code == 200


def test_tokens_are_listed_page_by_page_and_narrowed(site, ada):
    made = [ada.issue(f"key-{n}", kind="memory_fixed" if n else "memory_token") for n in range(3)]
    ada.deploy("another")
    ids = [token["id"] for token in made[::-1]]
    first = ada.get("/v1/tokens?limit=2").json()
    rest = ada.get(f"/v1/tokens?limit=2&cursor={first['next_cursor']}").json()
    assert [each["id"] for each in first["data"] + rest["data"]] == ids
    for query, wanted in [
        ("kind=memory_token", ids[2:]),
        ("kind=memory_fixed", ids[:2]),
        ("kind=another", []),
        ("network=memory:1&live=false", ids),
        ("network=eip155:1", []),
        ("live=true", []),
    ]:
        found = ada.get(f"/v1/tokens?{query}").json()["data"]
        assert [each["id"] for each in found] == wanted, query


def test_a_token_is_read_though_no_node_answers(site, ada):
    token = ada.issue()
    site.house.chain.is_down = True
    shown = ada.get(token["links"]["self"])
    assert shown.status_code == 200
    assert shown.json()["state"] is shown.json()["differences"] is None
    assert shown.json()["state_missing"] == {
        "code": "node_unavailable",
        "sentence": "The network's nodes do not answer.",
    }
    refused = ada.get(token["links"]["compliance_indicators"])
    assert (refused.status_code, refused.json()["code"]) == (503, "node_unavailable")


def test_a_token_that_is_gone_is_told_so(site, ada):
    token = ada.issue()
    site.house.chain.state = lambda token, place: None
    shown = ada.get(token["links"]["self"]).json()
    assert (shown["state"], shown["state_missing"]["code"]) == (None, "token_gone")
    assert shown["differences"] == [f"there is nothing at {token['address']}"]
    refused = ada.get(token["links"]["compliance_indicators"])
    assert (refused.status_code, refused.json()["code"]) == (410, "token_gone")


def test_a_token_of_a_network_that_is_no_longer_set_up_is_still_known(site, ada):
    token = ada.issue()
    chain = site.services.chains.pop(site.house.network)
    shown = ada.get(token["links"]["self"])
    site.services.chains[site.house.network] = chain
    assert (shown.status_code, shown.json()["actions"], shown.json()["standard"]) == (
        200,
        [],
        None,
    )
    assert shown.json()["state_missing"]["code"] == "network_not_ready"


def test_no_transaction_is_open_while_the_chain_is_asked(site, ada):
    token = ada.issue()
    state, begun = site.house.chain.state, []

    def asked(of, place):
        with site.house.store.begin(site.house.caller.scope) as work:
            begun.append(work.deployments.on_token)
        return state(of, place)

    site.house.chain.state = asked
    assert ada.get(token["links"]["self"]).json()["differences"] == []
    assert begun


def test_a_difference_is_told_until_an_operation_explains_it(site, ada):
    token = ada.issue()
    rewrite(site, supply=1500)
    shown = ada.get(token["links"]["self"]).json()
    assert shown["differences"] == ["supply: expected 1000, found 1500"]
    assert shown["operations_under_way"] is False
    told = indicators(ada, token)
    assert (told["supply_matches"], told["expected_supply"]) == (False, "1000")
    assert told["sentences"]["supply_matches"] == "There are 15 HZL, and 10 HZL were ordered."
    ada.mint(token, "500")
    assert ada.get(token["links"]["self"]).json()["operations_under_way"] is True


def test_the_indicators_of_a_token_that_can_do_everything(site, ada):
    token = ada.issue(metadata={"isin": "X"})
    told = indicators(ada, token)
    assert {name: told[name] for name in compliance.SENTENCES} == {
        "is_mintable": True,
        "is_burnable": True,
        "is_pausable": True,
        "is_paused": False,
        "has_freeze": False,
        "has_clawback": False,
        "is_frozen_by_default": False,
        "is_supply_fixed": False,
        "has_cap": False,
        "is_metadata_immutable": None,
        "is_upgradeable": False,
        "code_matches": True,
        "supply_matches": True,
    }
    powers = {each["power"]: each for each in told["powers"]}
    issuer = told["issuer"]
    assert (
        powers["mint"]["sentence"] == f"Who can create more units: {issuer} (the issuing account)."
    )
    assert powers["freeze"]["sentence"] == "Who can stop the transfers of one holder: nobody."
    assert told["declared"]["metadata"] == {"isin": "X"}
    assert told["declared"]["token"] == token["token"]
    assert (told["block"], told["differences"]) == (token["state"]["block"], [])


def test_the_indicators_of_a_token_that_nobody_can_change(site, ada):
    token = ada.issue(kind="memory_fixed")
    rewrite(site, powers={})
    told = indicators(ada, token)
    assert (told["is_mintable"], told["is_supply_fixed"]) == (False, True)
    assert told["sentences"]["is_supply_fixed"] == "The number of units can never change."


def test_the_indicators_tell_whom_a_power_was_given_to(site, ada):
    token = ada.issue()
    stranger = "0x" + "ab" * 20
    rewrite(
        site,
        powers={Power.MINT: (token["owner"], stranger), Power.CLAWBACK: (stranger,)},
        cap=5000,
        url="https://example.org/a",
        code="00" * 32,
    )
    told = indicators(ada, token)
    powers = {each["power"]: each for each in told["powers"]}
    assert powers["mint"]["holders"] == [
        {"address": token["owner"], "is_issuer": True},
        {"address": stranger, "is_issuer": False},
    ]
    assert powers["mint"]["sentence"].endswith(f"(the issuing account), {stranger}.")
    assert (told["has_clawback"], told["code_matches"]) == (True, False)
    assert told["sentences"]["has_cap"] == "There can never be more than 50 HZL."
    assert told["is_metadata_immutable"] is False
    assert len(told["differences"]) == 8


def test_there_are_words_for_every_power_and_every_indicator():
    assert set(compliance.QUESTIONS) == set(Power)
    promised = SCHEMAS["ComplianceIndicators"]["properties"]
    assert set(compliance.SENTENCES) == set(promised["sentences"]["properties"])
    told = [sentence for pair in compliance.SENTENCES.values() for sentence in pair]
    assert all(each[0].isupper() and each.endswith((".", "}.")) for each in told)
    said = [each for each in told if NEVER_SAID.search(each)]
    # A hash is what makes a description's change noticeable; there is no plainer word for it.
    assert said == [compliance.SENTENCES["is_metadata_immutable"][0]]


@pytest.mark.parametrize("permission", ["deployments:write", "tokens:write", "credits:read"])
def test_reading_tokens_needs_the_permission_to_read(site, ada, permission):
    token = ada.issue()
    key = ada.key(scopes=[permission])
    for path in ("/v1/tokens", *token["links"].values()):
        answered = key.get(path)
        assert (answered.status_code, answered.json()["code"]) == (403, "forbidden")


def test_a_live_key_reads_no_test_token(site, ada):
    token = ada.issue()
    key = ada.key(live=True)
    answered = key.get(token["links"]["self"])
    assert (answered.status_code, answered.json()["code"]) == (403, "mode_mismatch")
    assert key.get("/v1/tokens").json()["data"] == []


def test_kinds_say_what_can_be_done_with_their_tokens(ada):
    kinds = {each["kind"]: each for each in ada.get("/v1/token_kinds").json()["data"]}
    assert kinds["memory_fixed"]["actions"] == {}
    mint = kinds["memory_token"]["actions"]["mint"]
    assert (mint["required"], mint["additionalProperties"]) == (["amount", "to"], False)


@pytest.mark.parametrize(
    ("kind", "application", "asset", "link"),
    [
        ("arc200_mintable", "app/{}", "asset/{}", "app/7"),
        ("arc1400_mintable", "app/{}", "asset/{}", "app/7"),
        ("arc200_mintable", None, "asset/{}", "asset/7"),
        ("asa_ft", "app/{}", "asset/{}", "asset/7"),
        ("arc3_nft", "app/{}", None, "address/7"),
    ],
)
def test_an_explorer_shows_applications_at_a_place_of_their_own(kind, application, asset, link):
    network = evolve(
        a_network(),
        family=Family.ALGORAND,
        explorer_application=application,
        explorer_token=asset,
        explorer_address="address/{}",
    )
    token = Token(kind=kind, name="N", symbol="N", decimals=0, supply=1, parameters={})
    assert token_url(network, token, "7") == link
    assert token_url(network, token, None) is None


def test_an_unknown_id_is_no_token(ada):
    for id in (f"tok_{'0' * 26}", "tok_x", "x"):
        answered = ada.get(f"/v1/tokens/{id}")
        assert (answered.status_code, answered.json()["code"]) == (404, "not_found")
