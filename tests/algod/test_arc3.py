"""ARC-3 from the request to the asset, over HTTP on both sides: what is told is published."""

import base64
import hashlib
import json

import httpx
import pytest
from litestar.testing import TestClient
from nacl.bindings import crypto_hash_sha256

from domain.token import Token
from entrypoints.devnet.algod import devnet
from entrypoints.http.app import create_app
from tests.adapters.algorand.test_arc3 import FULL, GOOD, oracle
from tests.algod.postgres_house import a_house
from tests.application.house import LEASE_IS_OVER
from tests.application.mortal import DEATHS, Fate
from tests.http.site import Site, services_of

METADATA = {key: value for key, value in FULL.items() if key != "extra_metadata"}
#: Name in the plan of what a token says beside its metadata.
SHAPES = {"arc3_ft": (1, 0), "arc3_nft": (1, 0), "arc3_fnft": (10, 1)}


@pytest.fixture(scope="module")
def house(server_url):
    with devnet(mode="manual") as network, a_house(network) as made:
        yield made


@pytest.fixture
def site(house):
    services = services_of(house)
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        yield Site(house, services, client)


def asset_of(house, id):
    """As algod tells it to anybody."""
    answered = httpx.get(
        f"{house.devnet.nodes[0].url}/v2/assets/{id}",
        headers={"X-Algo-API-Token": house.devnet.token},
    )
    return answered.raise_for_status().json()["params"]


def work_until_done(house, person, deployment):
    for _ in range(20):
        house.life(Fate({}))
        house.pass_time(LEASE_IS_OVER)
        house.devnet.mine()
        told = person.get(deployment["links"]["self"]).json()
        if told["state"] in {"Completed", "Failed"}:
            return told
    raise AssertionError(told)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(
    "metadata",
    [{}, METADATA, {"extra_metadata": ""}, FULL],
    ids=["none of its own", "all but extra", "empty extra", "all"],
)
def test_what_the_asset_is_bound_to_is_what_everybody_gets(house, site, kind, metadata):
    ada = site.register(
        f"{kind}-{len(metadata)}-{list(metadata)[:1]}@example.org".replace("'", "")
    )
    body = {"kind": kind, "token": dict(GOOD[kind]) | {"metadata": metadata}}
    planned = ada.plan(**body)
    assert planned.status_code == 200, planned.text
    published = house.sql("SELECT count(*) FROM documents")
    deployment = ada.deploy(
        **body, **{k: planned.json()[k] for k in ("deployment_id", "plan_hash")}
    )
    assert house.sql("SELECT count(*) FROM documents") == published, "nothing is public yet"
    told = work_until_done(house, ada, deployment)
    assert told["state"] == "Completed", told

    asset = asset_of(house, told["address"])
    assert (asset["total"], asset["decimals"]) == SHAPES[kind]
    assert asset["name"] == GOOD[kind]["name"]
    url = asset["url"]
    assert url.startswith("https://meta.example.com/m/")
    assert url.endswith("#arc3")
    served = site.client.get(url.removeprefix("https://meta.example.com").removesuffix("#arc3"))
    assert served.status_code == 200
    assert served.headers["Access-Control-Allow-Origin"] == "*"
    hashed = base64.b64decode(asset["metadata-hash"])
    if "extra_metadata" not in metadata:
        assert hashed == crypto_hash_sha256(served.content)
    assert hashed == oracle(served.content)
    read = json.loads(served.content)
    assert (read.pop("name"), read.pop("decimals")) == (asset["name"], asset["decimals"])
    assert read == metadata
    assert told["token"]["metadata_json"].encode() == served.content
    assert told["token"]["url"] == url


def test_faults_of_the_metadata_are_told_where_they_are(house, site):
    ada = site.register("faults@example.org")
    token = dict(GOOD["arc3_nft"]) | {
        "metadata": {"image": "http://example.com", "properties": {"a": [1.5]}},
        "metadata_json": "{}",
    }
    answered = ada.plan(kind="arc3_nft", token=token)
    assert answered.status_code == 400
    assert {(each["pointer"], each["code"]) for each in answered.json()["errors"]} == {
        ("/token/metadata/image", "invalid_url"),
        ("/token/metadata/properties/a/0", "wrong_type"),
        ("/token/metadata_json", "unknown_field"),
    }


class WhereItIsPublished(Fate):
    """Dies at the call that publishes, and remembers what was signed before it."""

    def __init__(self, death, house):
        super().__init__({})
        self.death, self.house = death, house

    def __call__(self, name, function, *arguments):
        if name == "put" and self.death is not None:
            self.schedule = {len(self.calls): self.death}
            self.death = None
        if name == "sign":
            assert self.house.metadata.get(self.digest) is not None
        return super().__call__(name, function, *arguments)


@pytest.mark.parametrize("death", DEATHS)
def test_a_worker_that_dies_while_it_publishes_does_it_again(house, death):
    told = {"metadata": {"description": f"a worker's {death}"}}
    token = house.chain.token("arc3_ft", dict(GOOD["arc3_ft"]) | told)
    assert isinstance(token, Token), token
    fate = WhereItIsPublished(death, house)
    fate.digest = hashlib.sha256(token.parameters["metadata_json"].encode()).digest()
    id = house.deploy(token=token).id
    house.lives(fate)
    house.is_made_once(id)
    assert fate.death is None
    assert fate.calls.count("put") == 2
