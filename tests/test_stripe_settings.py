"""How an installation says that it takes money, and what it may not say."""

import pytest

from entrypoints.settings import SettingsError, load
from entrypoints.stripe_settings import API, read_stripe
from tests.architecture.test_container import ENVIRONMENT, NETWORK

TEST_KEY, LIVE_KEY, SECRET = "sk_test_51abc", "rk_live_51abc", "whsec_abc"


def faults(key=TEST_KEY, secrets=SECRET, base=API, where="development", *, allow=False):
    return read_stripe(key, secrets, base, where, allow_test_mode=allow)[1]


def test_without_a_key_no_money_is_taken():
    assert read_stripe(None, None, API, "production", allow_test_mode=False) == (None, [])
    assert len(faults(key=None)) == 1


@pytest.mark.parametrize(
    ("key", "where", "allow", "is_good"),
    [
        (TEST_KEY, "development", False, True),
        (TEST_KEY, "test", False, True),
        (TEST_KEY, "production", False, False),
        (TEST_KEY, "production", True, True),
        (LIVE_KEY, "production", False, True),
        (LIVE_KEY, "development", False, False),
        (LIVE_KEY, "test", True, False),
        ("pk_live_abc", "production", False, False),
        ("nonsense", "development", False, False),
    ],
)
def test_live_keys_are_for_production_and_test_keys_for_the_rest(key, where, allow, is_good):
    assert (faults(key, where=where, allow=allow) == []) is is_good


@pytest.mark.parametrize(
    ("secrets", "count"),
    [
        (SECRET, 1),
        ("whsec_a,whsec_b", 2),
        ("whsec_a\nwhsec_b\n", 2),
        ("['whsec_a', 'whsec_b']", 2),
        (None, 0),
        ("", 0),
        ("secret", 0),
        ("whsec_a, whsec_b, whsec_c", 0),
        ("whsec_a and others", 0),
    ],
)
def test_there_are_one_or_two_secrets(secrets, count):
    read, found = read_stripe(TEST_KEY, secrets, API, "development", allow_test_mode=False)
    assert (found == []) is bool(count)
    if count:
        assert len(read.webhook_secrets) == count


@pytest.mark.parametrize(
    ("base", "where", "is_good"),
    [
        (API, "production", True),
        ("https://api.stripe.com/", "production", True),
        ("https://stripe.example.com", "production", False),
        ("http://127.0.0.1:12111", "production", False),
        ("http://127.0.0.1:12111", "development", True),
        ("http://stripe.example.com", "development", False),
    ],
)
def test_only_stripe_itself_is_asked_in_production(base, where, is_good):
    assert (
        faults(LIVE_KEY if where == "production" else TEST_KEY, base=base, where=where) == []
    ) is (is_good)


def test_secrets_are_shown_nowhere(tmp_path):
    (tmp_path / "tallystick.toml").write_text(NETWORK)
    (tmp_path / "secrets").write_text("whsec_one\nwhsec_two\n")
    environment = ENVIRONMENT | {
        "TALLYSTICK_STRIPE_SECRET_KEY": TEST_KEY,
        "TALLYSTICK_STRIPE_WEBHOOK_SECRETS_FILE": str(tmp_path / "secrets"),
    }
    settings = load(tmp_path / "tallystick.toml", environment)
    assert settings.stripe.webhook_secrets == ("whsec_one", "whsec_two")
    shown = f"{settings!r} {settings.redacted()!r}"
    assert not [secret for secret in (TEST_KEY, "whsec_one", "whsec_two") if secret in shown]


def test_every_fault_is_told(tmp_path):
    (tmp_path / "tallystick.toml").write_text(NETWORK)
    environment = ENVIRONMENT | {
        "TALLYSTICK_STRIPE_SECRET_KEY": LIVE_KEY,
        "TALLYSTICK_STRIPE_WEBHOOK_SECRETS": "none",
        "TALLYSTICK_STRIPE_API_BASE": "ftp://example.com",
    }
    with pytest.raises(SettingsError) as refused:
        load(tmp_path / "tallystick.toml", environment)
    assert len(refused.value.faults) == 3
