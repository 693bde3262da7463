"""What only KMS has: aliases, states, and errors by name.

MiniStack knows no permissions and no throttling: those are said by a server that answers with
whatever it was told, and is asked by the real client.
"""

import base64
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from uuid import uuid4

import boto3
import pytest
from attrs import evolve
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.aws_kms import Address, connect
from application.ports.custody import CustodyRefusedError, CustodyUnavailableError
from domain.identifiers import INSTALLATION, AccountId
from domain.signing import Curve, KeyUse, Purpose
from entrypoints.devnet import ministack
from entrypoints.devnet.loopback_server import LoopbackServer
from tests.contract.custody import guarded, registered
from tests.contract.test_custodian import TX, refused
from tests.ministack import a_holder, ministack_or_skip


@pytest.fixture
def kms():
    """The service, as an administrator has it."""
    return boto3.client("kms", endpoint_url=ministack_or_skip().url, region_name=ministack.REGION)


@pytest.fixture
def name() -> str:
    return f"ours/{uuid4()}"


def message_for(curve: Curve) -> bytes:
    return bytes(range(32)) if curve is Curve.SECP256K1 else TX


@pytest.mark.parametrize("curve", list(Curve))
def test_a_key_is_found_by_its_alias_and_known_by_its_arn(kms, name, curve):
    key = a_holder().make(name, 1, curve)
    assert a_holder().make(name, 1, curve) == key
    alias = f"alias/tallystick/{name}/1"
    described = kms.describe_key(KeyId=alias)["KeyMetadata"]
    assert key.handle == described["Arn"]
    assert described["Origin"] == "AWS_KMS"
    # Whoever may move aliases still cannot make us sign with another key.
    other = a_holder().make(f"{name}/other", 1, curve)
    kms.update_alias(AliasName=alias, TargetKeyId=other.handle)
    assert a_holder().sign(key, message_for(curve)).signature.curve is curve
    assert a_holder().make(name, 1, curve).handle == other.handle


def test_many_who_make_one_key_get_one_and_the_others_are_deleted(kms, name):
    before = {each["KeyId"] for each in kms.list_keys()["Keys"]}
    with ThreadPoolExecutor(6) as callers:
        keys = set(callers.map(lambda _: a_holder().make(name, 1, Curve.ED25519), range(6)))
    assert len(keys) == 1
    made = {each["KeyId"] for each in kms.list_keys()["Keys"]} - before
    states = [kms.describe_key(KeyId=each)["KeyMetadata"]["KeyState"] for each in made]
    assert sorted(set(states), key=len) in (["Enabled"], ["Enabled", "PendingDeletion"])
    assert states.count("Enabled") == 1


def test_a_digest_is_signed_as_it_is(name):
    """Not hashed once more: the guard verifies, with the digest as it was given."""
    custodian = guarded(registered("aws-kms", a_holder()))
    key = custodian.create_key(
        INSTALLATION, AccountId(uuid4()), Curve.SECP256K1, KeyUse.EVM_ACCOUNT
    )
    for number in range(12):
        signing = custodian.sign(key.key, bytes([number]) * 32, Purpose.EVM_TRANSACTION)
        assert signing.request_id


@pytest.mark.parametrize("curve", list(Curve))
def test_a_key_that_was_stopped_in_kms_is_refused(kms, name, curve):
    holder = a_holder()
    key = holder.make(name, 1, curve)
    holder.disable(key)
    with refused("key_disabled"):
        holder.sign(key, message_for(curve))
    kms.enable_key(KeyId=key.handle)
    assert holder.sign(key, message_for(curve))
    holder.discard(key)
    with refused("key_disabled"):
        holder.sign(key, message_for(curve))
    holder.disable(key)


def test_a_key_of_another_kind_is_not_taken(kms, name):
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    kms.create_alias(AliasName=f"alias/tallystick/{name}/1", TargetKeyId=made["KeyId"])
    for curve in Curve:
        with refused("wrong_context"):
            a_holder().make(name, 1, curve)


def test_a_key_that_is_not_there_is_unknown(name):
    key = a_holder().make(name, 1, Curve.ED25519)
    with refused("unknown_key"):
        a_holder().sign(evolve(key, handle=f"{key.handle[:-4]}0000"), TX)


class Answers(LoopbackServer):
    """Says whatever it was told to each action: one thing again and again, or a list of them."""

    def __init__(self):
        self.script = {}
        self.asked = []
        self.bodies = {}
        answers = self

        class Connection(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 4096

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                action = self.headers["X-Amz-Target"].partition(".")[2]
                answers.bodies[action] = json.loads(body)
                answers.asked.append(action)
                said = answers.script.get(action, (200, {}))
                status, content = said.pop(0) if isinstance(said, list) else said
                if status == 0:
                    self.close_connection = True
                    return
                raw = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(raw)))
                self.send_header("x-amzn-RequestId", "request-1")
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_):
                pass

        super().__init__(0, Connection)

    def fail(self, action, status, code, message="no"):
        self.script[action] = (status, {"__type": code, "message": message})


@pytest.fixture
def answers(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2-secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    server = Answers()
    server.start()
    private = Ed25519PrivateKey.generate()
    arn = "arn:aws:kms:eu-central-1:000000000000:key/1"
    metadata = {
        "KeyId": "1",
        "Arn": arn,
        "KeySpec": "ECC_NIST_EDWARDS25519",
        "KeyUsage": "SIGN_VERIFY",
        "Origin": "AWS_KMS",
    }
    spki = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    server.script = {
        "DescribeKey": (200, {"KeyMetadata": metadata}),
        "GetPublicKey": (200, {"PublicKey": base64.b64encode(spki).decode()}),
        "Sign": (200, {"Signature": base64.b64encode(private.sign(TX)).decode()}),
    }
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def holder(answers):
    return connect(f"eu-central-1?endpoint={answers.url}", {})


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ThrottlingException"),
        (400, "RequestLimitExceeded"),
        (500, "KeyUnavailableException"),
        (503, "DependencyTimeoutException"),
        (500, "KMSInternalException"),
        (502, "SomethingNew"),
        (0, ""),
    ],
)
def test_what_may_pass_is_unavailable_and_nothing_is_tried_twice(answers, holder, status, code):
    key = holder.make("ours", 1, Curve.ED25519)
    answers.fail("Sign", status, code)
    with pytest.raises(CustodyUnavailableError, match="kms:Sign"):
        holder.sign(key, TX)
    assert answers.asked.count("Sign") == 1


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("AccessDeniedException", "denied"),
        ("UnrecognizedClientException", "denied"),
        ("ExpiredTokenException", "denied"),
        ("InvalidGrantTokenException", "denied"),
        ("DisabledException", "key_disabled"),
        ("KMSInvalidStateException", "key_disabled"),
        ("NotFoundException", "unknown_key"),
        ("InvalidKeyUsageException", "wrong_purpose"),
        ("ValidationException", "wrong_length"),
        ("SomethingNewException", "denied"),
    ],
)
def test_what_does_not_pass_is_refused(answers, holder, code, meant):
    key = holder.make("ours", 1, Curve.ED25519)
    answers.fail("Sign", 400, code)
    with refused(meant):
        holder.sign(key, TX)


def test_a_receipt_names_the_request(holder):
    key = holder.make("ours", 1, Curve.ED25519)
    assert holder.sign(key, TX).request_id == "request-1"


@pytest.mark.parametrize(
    ("action", "before"),
    [
        ("DescribeKey", {}),
        ("GetPublicKey", {}),
        ("Sign", {}),
        ("CreateKey", {"DescribeKey": "NotFoundException"}),
    ],
)
def test_a_missing_permission_is_named(answers, holder, action, before):
    for earlier, code in before.items():
        answers.fail(earlier, 400, code)
    answers.fail(action, 400, "AccessDeniedException")
    assert any(f"kms:{action}" in lack for lack in holder.lacks())


def test_whoever_is_too_late_with_an_alias_takes_the_other_key(answers, holder):
    """Between looking and naming somebody else made the account's key: ours is deleted."""
    described = answers.script["DescribeKey"]
    theirs = described[1]["KeyMetadata"]
    ours = {"KeyMetadata": theirs | {"KeyId": "2", "Arn": theirs["Arn"][:-1] + "2"}}
    answers.script |= {
        "DescribeKey": [(400, {"__type": "NotFoundException", "message": "no"}), described],
        "CreateKey": (200, ours),
        "CreateAlias": (400, {"__type": "AlreadyExistsException", "message": "it is there"}),
    }
    assert holder.make("ours", 1, Curve.ED25519).handle == theirs["Arn"]
    assert "ScheduleKeyDeletion" in answers.asked
    assert answers.bodies["ScheduleKeyDeletion"]["KeyId"] == ours["KeyMetadata"]["Arn"]


def test_nobody_there_is_unavailable(answers, holder):
    answers.stop()
    with pytest.raises(CustodyUnavailableError, match="does not answer"):
        holder.make("ours", 1, Curve.ED25519)


def test_no_credentials_are_said(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(CustodyRefusedError, match="no AWS credentials") as error:
        connect("eu-central-1?endpoint=http://127.0.0.1:9", {}).make("ours", 1, Curve.ED25519)
    assert error.value.code == "denied"


def test_no_credential_is_told(answers, holder, caplog):
    caplog.set_level(logging.INFO)
    key = holder.make("ours", 1, Curve.ED25519)
    answers.fail("Sign", 400, "AccessDeniedException")
    with pytest.raises(CustodyRefusedError) as error:
        holder.sign(key, TX)
    cause = error.value.__cause__
    assert "hunter2" not in f"{error.value!r} {cause!r} {holder!r} {holder._line!r} {caplog.text}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "region"),
        ("somewhere", "region"),
        ("eu-central-1?endpoint=ftp://x", "HOST"),
        ("eu-central-1?endpoint=http://me:hunter2@x", "HOST"),
        ("eu-central-1?secret=hunter2", "not secret"),
    ],
)
def test_a_wrong_address_is_explained(text, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        Address.read(text)
    assert "hunter2" not in str(error.value)


def test_an_address_is_a_region():
    assert Address.read("us-gov-west-1") == Address("us-gov-west-1")
