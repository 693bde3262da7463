"""Accounts of a passphrase issue on both families of chains, over HTTP: database, node, real keys.

Which accounts they are, the vectors of ARC-76 say.
"""

import base64
import logging
import subprocess

from attrs import evolve
from litestar.testing import TestClient

from adapters.system import DerivationPool
from application.keys.derive import DeriveAccounts
from domain.identifiers import OperationId, OrganisationId, Prefix, parse_id
from entrypoints import assembly
from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.algod import devnet
from tests.algod import house as on_algod
from tests.algod.postgres_house import a_house as an_algod_house
from tests.application.mortal import Fate
from tests.catalogue import UNLIMITED
from tests.contract.custody import guarded
from tests.custody.test_canary import forms
from tests.domain.test_arc76 import VECTORS
from tests.http.prepared import app_of
from tests.http.site import PASSWORD, Site, services_of
from tests.postgres_and_anvil import house as on_anvil
from tests.postgres_and_anvil.house import a_house as an_anvil_house

VECTOR = next(
    each for each in VECTORS if (each["email"], each["slot"]) == ("email@example.com", 1)
)
#: As somebody may type it.
TYPED = " Email@Example.COM "


def deriving(house):
    """The API over *house*, which derives as it does in production."""
    services = services_of(house)
    common = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}
    derive = DeriveAccounts(
        **common,
        custodians={house.custodian_scheme: guarded(house.custodian)},
        chains=house.chains,
        check=services.derive_accounts.check,
        derive=DerivationPool(),
        public_key_of=assembly.public_keys(),
    )
    return evolve(services, derive_accounts=derive)


def derived(site):
    """Somebody whose accounts are the vector's."""
    person = site.register_deriving(TYPED)
    organisation = OrganisationId(parse_id(Prefix.ORGANISATION, person.organisation))
    site.house.set_tariff(organisation, UNLIMITED, "for the test")
    body = {
        "current_password": PASSWORD,
        "passphrase": VECTOR["password"],
        "slot": VECTOR["slot"],
    }
    answered = person.post("/v1/accounts/derive", body)
    assert answered.status_code == 200, answered.text
    return person


def issued(person, **body):
    """A token that was issued over HTTP, and was looked at there."""
    return completed(person, person.deploy("first", network=person.site.house.network, **body))


def completed(person, asked):
    """What became of it, worker after worker."""
    for _ in range(40):
        person.site.house.lives_once(Fate({}))
        done = person.get(asked["links"]["self"]).json()
        if done["state"] == "Completed":
            return done
    raise AssertionError(done)


def test_on_algorand_the_vectors_account_creates_an_asset():
    with devnet(nodes=2, mode="manual") as network, an_algod_house(network) as house:
        services = deriving(house)
        with TestClient(app_of(services), raise_server_exceptions=False) as client:
            person = derived(Site(house, services, client))
            done = issued(person, kind=on_algod.KIND, token=dict(on_algod.PARAMETERS))
            assert done["owner"] == VECTOR["algorand"]
            (asset,) = house.assets(OperationId(parse_id(Prefix.DEPLOYMENT, done["id"])))
            assert asset.creator == VECTOR["algorand"]


def test_on_evm_the_vectors_account_owns_a_token_and_mints(anvil, server_url):
    with an_anvil_house(anvil) as house:
        services = deriving(house)
        with TestClient(app_of(services), raise_server_exceptions=False) as client:
            person = derived(Site(house, services, client))
            done = issued(person, kind=on_anvil.KIND, token=dict(on_anvil.PARAMETERS))
            assert done["owner"] == VECTOR["evm"]
            operation = person.mint(person.issued(done), "5")
            completed(person, operation)
            sent = house.sql(
                "SELECT transaction_id FROM attempts WHERE operation_id = %s ORDER BY signed_at",
                parse_id(Prefix.OPERATION, operation["id"]),
            )
            senders = [house.anvil.call("eth_getTransactionByHash", id)["from"] for (id,) in sent]
            assert VECTOR["evm"].lower() in senders


def test_neither_passphrase_nor_seed_is_in_a_dump_or_a_log(anvil, server_url, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    with an_anvil_house(anvil) as house:
        services = deriving(house)
        with TestClient(app_of(services), raise_server_exceptions=False) as client:
            person = derived(Site(house, services, client))
            told = [person.get("/v1/accounts").text, person.get("/v1/audit/events").text]
            wrong = {"current_password": PASSWORD, "passphrase": VECTOR["password"] + "!"}
            told.append(person.post("/v1/accounts/derive", wrong).text)
        assert VECTOR["evm"] in told[0]
        file = tmp_path / "dump.sql"
        program = embedded_postgres.programs() / "pg_dump"
        subprocess.run([program, f"--file={file}", f"--dbname={house.url}"], check=True)
        told += [file.read_text("utf-8", errors="surrogateescape"), caplog.text]
        told += [repr(services.derive_accounts), repr(house.custodian)]
    heard = "\n".join(told)
    assert "acct_" in heard
    seed, passphrase = bytes.fromhex(VECTOR["seed_hex"]), VECTOR["password"].encode()
    for canary in (seed, passphrase):
        for form in forms(canary):
            assert form not in heard
        # A record is JSON in bytes: in a dump, base64 in hexadecimal.
        assert base64.b64encode(canary).hex() not in heard
