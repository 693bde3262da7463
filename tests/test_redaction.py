"""What the log never says: canaries of every kind, however somebody writes them down."""

import json
import logging
import threading

import pytest
import structlog

from adapters.telemetry import Tracing
from application.ports.telemetry import SpanKind
from domain.trace import TraceContext
from entrypoints.logs import log_to_stderr, threads_end_in_the_log
from entrypoints.redaction import NOT_SHOWN, Redaction, secrets_of
from entrypoints.settings import load
from entrypoints.telemetry_settings import LogFormat, LogLevel, LogSettings

MNEMONIC = (
    "abandon ability able about above absent absorb abstract absurd abuse access accident account"
)
#: Secrets that are known by their form alone.
FORMED = {
    "an API key": "tsk_live_01h2xcejqtf2nbrexx3vqjhp41_CANARYsecretCANARY0123",
    "an access token": "eyJhbGciOiJFZERTQSJ9.eyJzaWQiOiJDQU5BUlkifQ.CANARY-signature",
    "a Stripe key": "sk_live_CANARY51H8xyz",
    "a restricted Stripe key": "rk_test_CANARY51H8xyz",
    "a webhook secret": "whsec_Q0FOQVJZc2VjcmV0/CANARY+0=",
    "a Vault token": "hvs.CANARYCAESIJ",
    "a mnemonic": MNEMONIC,
    "a private key": (
        "-----BEGIN EC {0} KEY-----\nMHcCAQEE\nCANARY\n-----END EC {0} KEY-----".format("PRIVATE")
    ),
}
#: Secrets that are known by where they stand.
PLACED = {
    "postgresql://tallystick:CANARY-p4ss@db.example:5432/tallystick": "CANARY-p4ss",
    "host=db user=tallystick password=CANARY-p4ss sslmode=require": "CANARY-p4ss",
    "POST /token client_secret=CANARY-oidc&code=CANARY-code": "CANARY-oidc",
    "https://issue.example/verify?token=CANARY-link": "CANARY-link",
    '{"password": "CANARY-word", "email": "ada"}': "CANARY-word",
    'body was {\\"refresh_token\\": \\"CANARY-refresh\\"}': "CANARY-refresh",
    "Authorization: Bearer CANARY-opaque-token": "CANARY-opaque-token",
    "Authorization: Basic Q0FOQVJZOkNBTkFSWQ==": "Q0FOQVJZOkNBTkFSWQ==",
    "X-Vault-Token: CANARY-root": "CANARY-root",
    "{'secret_id': 'CANARY-approle'}": "CANARY-approle",
    "smtps://ada:CANARY%40mail@mail.example": "CANARY%40mail",
}
#: What reads like a secret to nobody.
INNOCENT = [
    "the database does not answer: connection to 127.0.0.1:9 refused",
    "postgresql://nobody@127.0.0.1:9/nothing",
    "dep_01h2xcejqtf2nbrexx3vqjhp41 stays as it is until its lease ends: deadlock detected",
    "alarm token_drift: eip155:8453 org_01h tok_01h: total supply is 5 and should be 4",
    "network eip155:8453 is halted: final block 7 was 0xaa, is 0xbb",
    "nothing is sealed: refused (seal_gap): number 5 of org_01h is missing; run it again",
    "compared with the payment provider: 3 events and 0 payments were missing here",
]


@pytest.mark.parametrize("secret", FORMED.values(), ids=FORMED)
@pytest.mark.parametrize("around", ["{}", "no such key {}, says the server", '"{}"', "[{}]"])
def test_a_secret_of_a_known_form_is_not_shown(secret, around):
    told = Redaction().text(around.format(secret))
    assert NOT_SHOWN in told
    assert "CANARY" not in told
    assert "abandon" not in told


@pytest.mark.parametrize(("text", "secret"), PLACED.items(), ids=PLACED)
def test_a_secret_in_a_known_place_is_not_shown(text, secret):
    told = Redaction().text(text)
    assert secret not in told
    assert told.replace(NOT_SHOWN, "") != ""


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_is_told_as_it_is(text):
    assert Redaction().text(text) == text


@pytest.mark.parametrize("name", ["password", "Authorization", "TOKEN", "mnemonic", "body"])
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"deep": [e]}, lambda e: {"a": {"b": e}}])
def test_what_stands_under_a_secret_name_is_not_shown(name, wrap):
    told = Redaction().fields(wrap({name: "opaque", "status": 201}))
    assert "opaque" not in json.dumps(told)
    assert "201" in json.dumps(told)


CONFIGURATION = """
[installation]
id = "ins_01k9zvkx9te1mt5qg4s7z9ht6e"
environment = "development"

[database]
url = "postgresql://app:canary-database@127.0.0.1:9/nothing"
migrator_url = "postgresql://owner:canary%2Dmigrator@127.0.0.1:9/nothing"

[local_keys]
master_key = "1:Y2FuYXJ5LW1hc3Rlci1rZXktb2YtMzItYnl0ZXMhISE="

[custodian]
others = ["vault:https://vault.example:8200"]

[vault]
token = "canary-vault-token"

[stripe]
secret_key = "sk_test_canarystripe"
webhook_secrets = "whsec_canaryone,whsec_canarytwo"

[mail]
url = "smtps://ada:canary-mail@mail.example:465"
from = "issue@example.com"
verify = false

[traces]
endpoint = "https://collector.example/v1/traces"
headers = "x-honeycomb-team=canary-collector"

[networks."eip155:31337"]
name = "anvil"
family = "evm"
class = "development"
nodes = ["https://node.example/v2/canarykeyinthepath?key=canarykeyinthequery"]
finality_tag = "finalized"
fee_ceiling = 1
native_currency = "ETH"
"""
CANARIES = (
    "canary-database", "canary-migrator", "Y2FuYXJ5LW1hc3Rlci1rZXktb2YtMzItYnl0ZXMhISE=",
    "canary-vault-token", "sk_test_canarystripe", "whsec_canaryone", "whsec_canarytwo",
    "canary-mail", "canary-collector", "canarykeyinthepath", "canarykeyinthequery",
)  # fmt: skip


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "tallystick.toml").write_text(CONFIGURATION)
    return load(tmp_path / "tallystick.toml", {})


def test_whatever_the_configuration_keeps_secret_is_known(settings):
    redaction = Redaction(secrets_of(settings))
    for canary in CANARIES:
        told = redaction.text(f"it was {canary}, and nothing else")
        assert told == f"it was {NOT_SHOWN}, and nothing else", canary
    assert redaction.text("127.0.0.1:9/nothing") == "127.0.0.1:9/nothing"


@pytest.fixture
def logging_afresh():
    root = logging.getLogger()
    before, level, made = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**made)
    logging.captureWarnings(capture=False)


def test_no_line_sings(settings, capsys, logging_afresh):
    """Said by us, by a library, in a traceback with its causes, by a thread that dies."""
    tracing = Tracing()
    for form in LogFormat:
        known = Redaction(secrets_of(settings))
        log_to_stderr(LogSettings(format=form), known, tracing.ids)
        for canary in (*CANARIES, *FORMED.values()):
            ours, theirs = structlog.get_logger("ours"), logging.getLogger("theirs")
            ours.info("said", detail=canary, deep={"list": [canary]}, thing=Thing(canary))
            theirs.warning("they said %s", canary)
            theirs.warning("they said %s", Thing(canary))
            try:
                fail(canary)
            except RuntimeError:
                theirs.exception("it failed")
                ours.exception("it_failed")
            with threads_end_in_the_log():
                dying = threading.Thread(target=fail, args=(canary,))
                dying.start()
                dying.join()
    heard = capsys.readouterr()
    assert heard.out == ""
    for canary in (*CANARIES, "CANARY", "abandon ability"):
        assert canary not in heard.err, canary
    assert heard.err.count("RuntimeError") >= 6
    assert "nobody caught it: the thread" in heard.err


class Thing:
    def __init__(self, secret):
        self.secret = secret

    def __str__(self):
        return f"Thing({self.secret})"

    __repr__ = __str__


def fail(secret):
    said = ValueError(f"the server said {secret}")
    raise RuntimeError(f"could not log in with {secret!r}") from said


def test_the_test_hears_a_canary(settings, capsys, logging_afresh, monkeypatch):
    """Without the redaction the very same run sings."""
    monkeypatch.setattr(Redaction, "text", lambda _, text: text)
    log_to_stderr(LogSettings(), Redaction(), dict)
    logging.getLogger("theirs").warning("they said %s", "canary-database")
    assert "canary-database" in capsys.readouterr().err


def test_each_line_says_where_it_was_written(capsys, logging_afresh):
    tracing = Tracing()
    log_to_stderr(LogSettings(), Redaction(), tracing.ids)
    asked = TraceContext(trace_id="a" * 32, span_id="b" * 16)
    with tracing.span("advance", kind=SpanKind.CONSUMER, after=asked) as span:
        span.concerns(request_id="req_1", organisation="org_1", deployment="dep_1")
        logging.getLogger("worker").info("it goes on")
        with tracing.span("sign") as inner:
            structlog.get_logger("custodian").info("signed", key="secret", ms=1.5)
    logging.getLogger("worker").warning("idle")
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    ids = {"request_id": "req_1", "organisation": "org_1", "deployment": "dep_1"}
    assert {name: told[0][name] for name in ids} == ids
    assert {name: told[1][name] for name in ids} == ids
    assert [line["trace_id"] for line in told[:2]] == ["a" * 32] * 2
    assert [line["span_id"] for line in told[:2]] == [
        span.context.span_id,
        inner.context.span_id,
    ]
    assert (told[1]["key"], told[1]["ms"]) == (NOT_SHOWN, 1.5)
    assert not {"trace_id", "request_id"} & set(told[2])
    for line, (level, event) in zip(
        told, [("info", "it goes on"), ("info", "signed"), ("warning", "idle")], strict=True
    ):
        assert (line["level"], line["event"]) == (level, event)
        assert line["at"].endswith("Z")


def test_people_read_the_same_without_braces(capsys, logging_afresh):
    log_to_stderr(
        LogSettings(format=LogFormat.HUMAN), Redaction(), lambda: {"deployment": "dep_1"}
    )
    logging.getLogger("worker").warning("it waits")
    try:
        fail("nothing")
    except RuntimeError:
        logging.getLogger("worker").exception("it failed")
    first, second, *below = capsys.readouterr().err.splitlines()
    assert first.endswith("warning  worker: it waits  deployment=dep_1")
    assert second.endswith("error    worker: it failed  deployment=dep_1")
    assert any("RuntimeError: could not log in" in line for line in below)


def test_what_is_below_the_level_is_not_written(capsys, logging_afresh):
    log_to_stderr(LogSettings(level=LogLevel.WARNING), Redaction())
    logging.getLogger("worker").info("no")
    structlog.get_logger("http").info("no")
    logging.getLogger("worker").warning("yes")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["yes"]
