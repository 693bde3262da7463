"""What the processes tell of one deployment: figures, one trace, log lines; and no secret."""

import base64
import json
import os
import re
import secrets
import signal
from contextlib import ExitStack

import httpx
import pytest
from attrs import define
from prometheus_client.parser import text_string_to_metric_families

from entrypoints.demo.parts import EVM, configure
from entrypoints.devnet.processes import free_port
from tests.adapters.egress.receivers import keeping_open, receiving
from tests.adapters.telemetry.collector import Collector, collecting
from tests.whole.processes import ONE_TOKEN, sign_up
from tests.whole.test_webhooks import headers_of, until

ASKED = f"00-{'a' * 32}-{'b' * 16}-01"
TRACE = "a" * 32
MNEMONIC = (
    "legal winner thank year wave sausage worth useful legal winner thank year wave sausage "
    "worth useful legal will"
)
PASSWORD = "correct horse battery"
#: What the configuration has that nobody else may see.
CONFIGURED = {
    "TALLYSTICK_VAULT_TOKEN": "hvs." + "canaryOfVault0123456789",
    "TALLYSTICK_STRIPE_SECRET_KEY": "sk_test_canaryOfStripe0123456789",
    "TALLYSTICK_STRIPE_WEBHOOK_SECRETS": "whsec_canaryOfStripeHooks0123456789",
    "TALLYSTICK_TRACES_HEADERS": "x-team=canary-of-the-collector",
    "TALLYSTICK_OIDC_ISSUER": "https://log-in.invalid",
    "TALLYSTICK_OIDC_CLIENT_ID": "tallystick",
    "TALLYSTICK_OIDC_CLIENT_SECRET": "canary-of-single-sign-on",
    "TALLYSTICK_OIDC_ALLOWED_DOMAINS": "example.com",
}
CANARIES = (
    "canaryOfVault", "canaryOfStripe", "canary-of-the-collector", "canary-of-the-node",
    "canary-of-the-database", "canary-in-the-query", "canary-of-single-sign-on",
)  # fmt: skip


@define
class Told:
    """One run of API and worker, and all that was told of it."""

    collector: Collector
    #: Standard output and error of each process.
    logs: dict[str, str]
    #: As served, by process.
    figures: dict[str, str]
    #: What must be in none of these.
    canaries: tuple[str, ...]
    deployment: str
    request_id: str
    traceparents: list[str]


@pytest.fixture(scope="module")
def told(module_database, anvil, tmp_path_factory):
    folder = tmp_path_factory.mktemp("telemetry")
    with ExitStack() as ends:
        collector = ends.enter_context(collecting())
        receiver = ends.enter_context(receiving(keeping_open))
        parts = configured(folder, module_database, anvil.url, collector.url)
        parts.command("migrate", "--create-login")
        parts.command("treasury", "create", "--network", EVM)
        parts.command("treasury", "fund", "--network", EVM)
        places = {name: f"127.0.0.1:{free_port()}" for name in ("serve", "work")}
        for name, place in places.items():
            process = started(parts, name, place)
            ends.callback(process.kill)
            ends.callback(process.wait, timeout=30)
            ends.callback(process.send_signal, signal.SIGTERM)
        until(lambda: is_ready(parts.api), seconds=120)
        _, key = sign_up(parts)
        shown = [key, PASSWORD]
        with httpx.Client(base_url=parts.api, timeout=30) as client:
            shown += trespass(client)
            client.headers["Authorization"] = f"Bearer {key}"
            made = client.post(
                "/v1/webhook_endpoints",
                json={"url": receiver.url()},
                headers={"Idempotency-Key": "hook"},
            ).json()
            shown.append(made["secret"])
            issued = client.post(
                "/v1/deployments",
                json={"kind": "erc20_mintable", "network": EVM,
                      "token": ONE_TOKEN | {"name": "One", "symbol": "ONE"}},
                headers={"Idempotency-Key": "one", "traceparent": ASKED},
            )  # fmt: skip
            assert issued.status_code == 202, issued.text
        until(lambda: len(receiver.requests) == 6, seconds=60)
        sent = {"send_webhook", "create_deployment"}
        collector.until(lambda spans: sent <= {each.name for each in spans if each.trace == TRACE})
        figures = {
            name: httpx.get(f"http://{place}/metrics").text for name, place in places.items()
        }
        traceparents = [headers_of(request)["traceparent"] for request in receiver.requests]
        found = Told(
            collector=collector,
            logs={},
            figures=figures,
            canaries=(*CANARIES, *shown, MNEMONIC),
            deployment=issued.json()["id"],
            request_id=issued.headers["X-Request-Id"],
            traceparents=traceparents,
        )
    # The processes have ended: all that they had to say is there.
    found.logs = {name: (folder / f"{name}.log").read_text() for name in places}
    return found


def configured(folder, database, anvil, collector):
    """Without algod, which costs time: its network has a node that nobody listens at."""
    parts = configure(
        folder,
        database=database,
        anvil=anvil,
        algod=["http://127.0.0.1:9/canary-of-the-node-0123456789"],
        request_limit=1_000,
        custodian={"TALLYSTICK_CUSTODIAN_OTHERS": "vault:http://127.0.0.1:9"},
    )
    environment = dict(parts.environment)
    place = environment["TALLYSTICK_DATABASE_URL"]
    user = re.search(r"//([^:]+):", place)[1]
    password = f"canary-of-the-database-{secrets.token_hex(4)}"
    at = place.rpartition("@")[2]
    environment |= CONFIGURED | {
        "TALLYSTICK_LOGS_FORMAT": "json",
        "TALLYSTICK_DATABASE_URL": f"postgresql://{user}:{password}@{at}",
        "TALLYSTICK_METRICS_DATABASE_URL": f"postgresql://{user}_figures:{password}@{at}",
        "TALLYSTICK_METRICS_LISTEN": "127.0.0.1:0",
        "TALLYSTICK_TRACES_ENDPOINT": collector,
        "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
    }
    return type(parts)(
        folder=folder, api=parts.api, anvil=parts.anvil, algod=parts.algod,
        database=parts.database, environment=environment,
    )  # fmt: skip


def started(parts, name, place):
    own = {**parts.environment, "TALLYSTICK_METRICS_LISTEN": place}
    return type(parts)(
        folder=parts.folder, api=parts.api, anvil=parts.anvil, algod=parts.algod,
        database=parts.database, environment=own,
    ).start(name)  # fmt: skip


def is_ready(api):
    try:
        return httpx.get(f"{api}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def trespass(client):
    """Secrets where they do not belong, and what was handed out on the way."""
    person = {"email": "eve@example.com", "password": PASSWORD}
    client.post("/v1/auth/register", json=person | {"organisation": "Eve"})
    session = client.post("/v1/auth/login", json=person).json()
    client.get("/v1/deployments?api_key=canary-in-the-query&limit=1")
    client.get("/nowhere/canary-in-the-query")
    client.post("/v1/deployments", json={"token": {"mnemonic": MNEMONIC}, "secret": MNEMONIC})
    client.post("/v1/auth/login", content=MNEMONIC.encode())
    for header in (session["access_token"][:-2] + "xx", "tsk_test_canary-in-the-query"):
        client.get("/v1/deployments", headers={"Authorization": f"Bearer {header}"})
    client.get("/v1/auth/sso/callback?code=canary-in-the-query&state=canary-in-the-query")
    client.post("/v1/auth/sso/start", json={})
    client.post("/v1/billing/stripe/webhook", content=b"{}", headers={"Stripe-Signature": "t=1"})
    return [session["access_token"], session["refresh_token"]]


def families(text):
    return {each.name: each for each in text_string_to_metric_families(text)}


def value(text, name, **labels):
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found) if found else None


def lines(told, name):
    return [json.loads(line) for line in told.logs[name].splitlines() if line.startswith("{")]


def test_one_trace_leads_from_the_request_to_the_last_message(told):
    mine = {each.id: each for each in told.collector.spans if each.trace == TRACE}
    (request,) = [each for each in mine.values() if each.name == "create_deployment"]
    assert (request.service, request.parent) == ("tallystick-serve", "b" * 16)
    assert request.attributes["http.route"] == "/v1/deployments"
    assert request.attributes["http.response.status_code"] == 202
    turns = [each for each in mine.values() if each.name == "advance_deployment"]
    assert turns
    assert {each.service for each in turns} == {"tallystick-work"}
    assert {each.parent for each in turns} == {request.id}
    assert {each.attributes["tallystick.deployment"] for each in turns} == {told.deployment}
    asked = [each for each in mine.values() if each.parent in {turn.id for turn in turns}]
    assert {"node submit", "node outcome", "node read_back", "custodian sign"} <= {
        each.name for each in asked
    }
    messages = [each for each in mine.values() if each.name == "send_webhook"]
    assert {each.parent for each in messages} == {request.id}
    # What receivers were told is where their own spans belong.
    assert {tuple(each.split("-")[1:3]) for each in told.traceparents} == {
        (TRACE, each.id) for each in messages
    }
    assert {each.attributes["tallystick.request_id"] for each in (*turns, *messages)} == {
        told.request_id
    }


def test_looks_that_belong_to_nothing_are_in_no_trace(told):
    known = {each.id for each in told.collector.spans}
    for each in told.collector.spans:
        is_asked_for = each.parent in known or each.parent == "b" * 16
        assert is_asked_for or each.kind in {2, 4, 5}, each  # server, producer, consumer


def test_lines_of_both_processes_say_which_request_they_are_about(told):
    (request,) = [
        line
        for line in lines(told, "serve")
        if line["event"] == "request" and line.get("trace_id") == TRACE
    ]
    assert (request["route"], request["status"]) == ("/v1/deployments", 202)
    assert request["request_id"] == told.request_id
    assert request["caller"].startswith("key_")
    assert request["bytes_in"] > 0 < request["bytes_out"]
    for line in lines(told, "serve"):
        if line["event"] == "request":
            assert {"request_id", "trace_id", "span_id", "at", "level"} <= set(line)
    for name in told.logs:
        assert all({"at", "level", "event"} <= set(line) for line in lines(told, name))


def test_figures_of_the_api(told):
    text = told.figures["serve"]
    asked = {"method": "POST", "route": "/v1/deployments"}
    assert value(text, "tallystick_http_requests_total", **asked, status="202") == 1
    assert value(text, "tallystick_http_request_seconds_count", **asked) == 2
    assert value(text, "tallystick_http_requests_total", route="-", status="404") == 1
    assert value(text, "tallystick_database_connections", state="idle") >= 1


def test_figures_of_the_worker(told):
    text = told.figures["work"]
    node = {"network": EVM, "failure": ""}
    assert value(text, "tallystick_node_calls_total", **node, call="submit") >= 1
    assert value(text, "tallystick_node_calls_total", failure="unavailable") >= 1
    assert value(text, "tallystick_custodian_calls_total", call="sign", failure="") >= 1
    assert value(text, "tallystick_deployment_turns_total", state="Completed") >= 1
    assert value(text, "tallystick_webhook_attempts_total", outcome="2xx") == 6
    assert value(text, "tallystick_periodic_runs_total", task="dispatch", failure="") >= 1
    assert value(text, "tallystick_tasks_total", topic="account.requested", failure="") >= 1
    for name in ("serve", "work"):
        assert value(told.figures[name], "tallystick_figures_up") == 1
        assert value(told.figures[name], "tallystick_operations_open") == 0
        assert value(told.figures[name], "tallystick_outbox") == 0


def test_no_label_is_an_id_or_a_text_from_outside(told):
    for text in told.figures.values():
        for family in families(text).values():
            for sample in family.samples:
                for label, said in sample.labels.items():
                    assert not re.search(r"(dep|org|key|mem|req|whk|usr)_[0-9a-z]{26}", said), (
                        label
                    )
                    assert len(said) < 80, (label, said)


def test_no_canary_sings(told):
    """In no line, no figure, no span: not by the processes, nor by whatever they use."""
    heard = [*told.logs.values(), *told.figures.values()]
    heard += [body.decode("latin-1") for body in told.collector.bodies]
    assert all(len(log.splitlines()) > 3 for log in told.logs.values())
    for canary in told.canaries:
        for form in (canary, base64.b64encode(canary.encode()).decode()):
            for text in heard:
                assert form not in text, (canary, text[max(0, text.find(form) - 200) :][:300])
    assert not [log for log in told.logs.values() if "Traceback" in log and '"at"' not in log]


def test_the_collector_is_told_who_we_are(told):
    assert {dict(each).get("x-team") for each in told.collector.headers} == {
        "canary-of-the-collector"
    }
