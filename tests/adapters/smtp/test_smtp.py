"""What each answer of a real server comes to, and what never travels."""

import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from socket import create_server
from threading import Thread

import pytest
from aiosmtpd.smtp import AuthResult
from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.x509.oid import NameOID

from adapters.smtp import Account, SmtpMail, connect
from application.ports.mail import MailRefusedError, MailUnavailableError, MailUnknownError
from tests.contract.postbox import SENDER, Postbox, port_of, server
from tests.contract.test_mail import MESSAGE

PASSWORD = "se:cr/et@"


@pytest.fixture
def postbox():
    return Postbox()


@contextmanager
def insecurely(postbox):
    with server(postbox) as running:
        yield connect(f"smtp+insecure://127.0.0.1:{port_of(running)}", SENDER)


@pytest.mark.parametrize(
    ("answer", "raises"),
    [
        ("250 OK", None),
        ("450 try later", MailUnavailableError),
        ("452 full", MailUnavailableError),
        ("550 spam", MailRefusedError),
        ("554 no", MailRefusedError),
        ("hang up", MailUnknownError),
    ],
)
def test_what_is_answered_to_the_text(postbox, answer, raises):
    postbox.answers.append(answer)
    with insecurely(postbox) as mail:
        if raises is None:
            mail.send(MESSAGE)
        else:
            with pytest.raises(raises):
                mail.send(MESSAGE)


@pytest.mark.parametrize(
    ("answer", "raises"),
    [("550 nobody", MailRefusedError), ("451 grey", MailUnavailableError)],
)
def test_what_is_answered_to_the_recipient(postbox, answer, raises):
    postbox.refused_recipients[MESSAGE.to] = answer
    with insecurely(postbox) as mail, pytest.raises(raises, match=answer[4:]):
        mail.send(MESSAGE)
    assert postbox.taken == []


def test_nobody_there_is_unavailable():
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(MailUnavailableError):
        connect(f"smtp+insecure://127.0.0.1:{port}", SENDER).send(MESSAGE)


def test_a_server_that_says_nothing_is_unavailable_in_time():
    with create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp+insecure://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(MailUnavailableError):
            evolve(connect(url, SENDER), timeout_seconds=0.2).send(MESSAGE)


def test_silence_after_the_text_is_unknown():
    with create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_silent_after_the_text, args=(listening,), daemon=True)
        thread.start()
        url = f"smtp+insecure://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(MailUnknownError):
            evolve(connect(url, SENDER), timeout_seconds=0.5).send(MESSAGE)
        thread.join(5)


def _silent_after_the_text(listening):
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as lines:
        connection.sendall(b"220 here\r\n")
        for line in lines:
            if line == b".\r\n":
                # Until the client has given up.
                connection.recv(1)
                return
            if line.upper().startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
            elif line.upper().startswith((b"EHLO", b"MAIL", b"RCPT")):
                connection.sendall(b"250 OK\r\n")


# With TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def as_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def trusting(mail: SmtpMail, certificate) -> SmtpMail:
    return evolve(mail, trust=ssl.create_default_context(cafile=certificate))


def let_in(_server, _session, _envelope, mechanism, data):
    is_right = (data.login, data.password) == (b"us er", PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


@contextmanager
def with_starttls(postbox, certificate):
    with server(
        postbox,
        tls_context=as_server(certificate),
        require_starttls=True,
        authenticator=let_in,
        auth_exclude_mechanism=["LOGIN"],
        auth_required=True,
    ) as running:
        yield port_of(running)


def test_the_password_travels_after_starttls(postbox, certificate):
    with with_starttls(postbox, certificate) as port:
        url = f"smtp://us%20er:se%3Acr%2Fet%40@127.0.0.1:{port}"
        trusting(connect(url, SENDER), certificate).send(MESSAGE)
    assert postbox.messages() == [MESSAGE]


def test_a_wrong_password_is_unavailable_and_shown_nowhere(postbox, certificate):
    with with_starttls(postbox, certificate) as port:
        mail = trusting(connect(f"smtp://ada:{'wr0ng' * 3}@127.0.0.1:{port}", SENDER), certificate)
        with pytest.raises(MailUnavailableError, match="535") as caught:
            mail.send(MESSAGE)
    assert "wr0ng" not in f"{caught.value!r} {mail!r}"
    assert caught.value.__cause__ is None


def test_a_certificate_that_nobody_vouches_for_gets_nothing(postbox, certificate):
    with (
        with_starttls(postbox, certificate) as port,
        pytest.raises(MailUnavailableError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        connect(f"smtp://ada:secret@127.0.0.1:{port}", SENDER).send(MESSAGE)
    assert postbox.taken == []


def test_a_server_without_starttls_gets_nothing(postbox):
    with server(postbox) as running, pytest.raises(MailUnavailableError, match="STARTTLS"):
        connect(f"smtp://127.0.0.1:{port_of(running)}", SENDER).send(MESSAGE)
    assert postbox.taken == []


@pytest.mark.parametrize(
    "url",
    [
        "https://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:port",
        "smtp://mail.example.com/path",
        "smtp+insecure://ada:secret@mail.example.com",
        "mail.example.com",
    ],
)
def test_an_address_of_no_server_is_refused_without_its_password(url):
    with pytest.raises(ValueError) as caught:
        connect(url, SENDER)
    assert "secret" not in str(caught.value)


def test_each_scheme_has_its_port():
    ports = {scheme: Account.read(f"{scheme}://h").port for scheme in ("smtps", "smtp")}
    assert ports == {"smtps": 465, "smtp": 587}
