"""``[oidc]``: what is read, and what is refused."""

import pytest

from domain.sign_in import SignInRules
from entrypoints.settings import SettingsError, load

KNOWN = {
    "TALLYSTICK_INSTALLATION_ID": "ins_01k9zvkx9te1mt5qg4s7z9ht6e",
    "TALLYSTICK_DATABASE_URL": "postgresql://app@127.0.0.1/tallystick",
    "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": "A" * 43 + "=",
    "TALLYSTICK_LOCAL_KEYS_ALLOW": "true",
    "TALLYSTICK_HTTP_BASE_URL": "https://issue.example.com/",
    "TALLYSTICK_OIDC_ISSUER": "https://login.example.com/realms/main",
    "TALLYSTICK_OIDC_CLIENT_ID": "tallystick",
    "TALLYSTICK_OIDC_CLIENT_SECRET": "s3cret",
}


@pytest.fixture
def read(tmp_path):
    def read(**changes):
        file = tmp_path / "tallystick.toml"
        file.write_text(
            '[networks."eip155:31337"]\nname = "a"\nfamily = "evm"\nclass = "development"\n'
            'nodes = ["http://127.0.0.1:9"]\nfinality_tag = "finalized"\nfee_ceiling = 1\n'
            'native_currency = "ETH"\n'
        )
        settings = {f"TALLYSTICK_{name}": value for name, value in changes.items()}
        found = {**KNOWN, **settings}
        return load(file, {name: value for name, value in found.items() if value is not None})

    return read


def faults(read, **changes):
    with pytest.raises(SettingsError) as wrong:
        read(**changes)
    return [fault for fault in wrong.value.faults if "OIDC" in fault]


def test_what_is_said_is_what_holds(read, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    found = read(
        OIDC_CLIENT_SECRET=None,
        OIDC_CLIENT_SECRET_FILE=str(secret),
        OIDC_ALLOWED_DOMAINS="Example.COM, example.org",
        OIDC_TRUSTED_DOMAINS="example.com",
        OIDC_SIGN_UP="true",
    ).oidc
    assert (found.issuer, found.client_secret) == (KNOWN["TALLYSTICK_OIDC_ISSUER"], "from a file")
    assert found.redirect_url == "https://issue.example.com/v1/auth/sso/callback"
    assert found.rules == SignInRules(
        allowed=frozenset({"example.com", "example.org"}),
        trusted=frozenset({"example.com"}),
        signs_up=True,
    )


def test_the_secret_is_not_shown(read):
    settings = read()
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings.redacted())


def test_without_an_issuer_there_is_none(read):
    nothing = dict.fromkeys(("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"))
    assert read(**nothing).oidc is None
    assert faults(read, OIDC_ISSUER=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"OIDC_ISSUER": "http://login.example.com"},
        {"OIDC_ISSUER": "login.example.com"},
        {"OIDC_ISSUER": "https://login.example.com/?tenant=1"},
        {"OIDC_ISSUER": "https://user:pw@login.example.com/"},
        {"OIDC_ISSUER": "https://[login"},
        {"OIDC_CLIENT_ID": None},
        {"OIDC_REDIRECT_URL": "http://app.example.com/back"},
        {"OIDC_REDIRECT_URL": "https://app.example.com/back#x"},
        {"OIDC_ALLOWED_DOMAINS": "@example.com"},
        {"OIDC_ALLOWED_DOMAINS": "*.example.com"},
        {"OIDC_TRUSTED_DOMAINS": "*"},
        {"OIDC_TRUSTED_DOMAINS": "com"},
        {"OIDC_ALLOWED_DOMAINS": "example.com", "OIDC_TRUSTED_DOMAINS": "example.org"},
        {"OIDC_SIGN_UP": "true"},
        {"OIDC_SIGN_UP": "perhaps"},
    ],
)
def test_what_will_not_do_is_refused(read, changes):
    assert len(faults(read, **changes)) == 1
