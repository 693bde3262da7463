"""Configuration: the environment over the file, secrets from files, every fault at once."""

import pytest

from application.ports.nodes import Endpoint
from domain.identifiers import Prefix, public_id
from entrypoints.settings import SettingsError, load

INSTALLATION = "ins_01k9zvkx9te1mt5qg4s7z9ht6e"
MASTER_KEY = "bWFzdGVyLWtleS1vZi10aGUtdGVzdC0tMzItYnl0ZXM="
PASSWORDS = ("database-password", "migrator-password", MASTER_KEY)
COMPLETE = {
    "TALLYSTICK_INSTALLATION_ID": INSTALLATION,
    "TALLYSTICK_INSTALLATION_ENVIRONMENT": "development",
    "TALLYSTICK_DATABASE_URL": "postgresql://app:database-password@db/tallystick",
    "TALLYSTICK_DATABASE_MIGRATOR_URL": "postgresql://owner:migrator-password@db/tallystick",
    "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": MASTER_KEY,
}
NETWORK = """
[networks."eip155:84532"]
name = "Base Sepolia"
family = "evm"
class = "test"
nodes = ["https://node.example/v3/node-password", "https://other.example"]
finality_depth = 12
fee_ceiling = 100_000_000_000
native_currency = "ETH"
"""


@pytest.fixture
def read(tmp_path):
    """Loads a file with *text* under *environment*."""

    def reading(text="", environment=COMPLETE):
        path = tmp_path / "tallystick.toml"
        path.write_text(NETWORK + text)
        return load(path, environment)

    return reading


@pytest.fixture
def faults(read):
    def refused(*arguments, **named):
        with pytest.raises(SettingsError) as refusal:
            read(*arguments, **named)
        return refusal.value.faults

    return refused


def test_what_is_needed_is_enough(read):
    settings = read()
    assert public_id(Prefix.INSTALLATION, settings.installation) == INSTALLATION
    assert settings.environment == "development"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert settings.base_url == "http://127.0.0.1:8080"
    (entry,) = settings.networks
    assert entry.network.id == "eip155:84532"
    assert entry.network.finality.depth == 12
    assert entry.nodes == (
        Endpoint(url="https://node.example/v3/node-password"),
        Endpoint(url="https://other.example"),
    )


def test_the_file_may_hold_it_all(read):
    text = f"""
    [installation]
    id = "{INSTALLATION}"
    environment = "test"
    [database]
    url = "postgresql://from-the-file"
    connections = 40
    [local_keys]
    master_key = "{MASTER_KEY}"
    [http]
    port = 9000
    request_limit = 7
    trusted_proxies = 1
    [worker]
    threads = 9
    """
    settings = read(text, environment={})
    assert settings.database_url == "postgresql://from-the-file"
    assert settings.migrator_url is None
    assert (settings.database_connections, settings.worker_threads) == (40, 9)
    assert (settings.http_port, settings.request_limit, settings.trusted_proxies) == (9000, 7, 1)
    assert settings.base_url == "http://127.0.0.1:9000"


def test_the_environment_comes_before_the_file(read):
    settings = read("[http]\nport = 9000", COMPLETE | {"TALLYSTICK_HTTP_PORT": "9001"})
    assert settings.http_port == 9001


def test_the_environment_may_name_the_file(tmp_path):
    (tmp_path / "elsewhere.toml").write_text(NETWORK)
    named = COMPLETE | {"TALLYSTICK_CONFIG": str(tmp_path / "elsewhere.toml")}
    assert load(None, named).networks[0].network.name == "Base Sepolia"


@pytest.mark.parametrize(
    ("variable", "attribute"),
    [
        ("TALLYSTICK_DATABASE_URL", "database_url"),
        ("TALLYSTICK_DATABASE_MIGRATOR_URL", "migrator_url"),
        ("TALLYSTICK_LOCAL_KEYS_MASTER_KEY", "master_keys"),
    ],
)
def test_a_secret_may_come_from_a_file_of_its_own(read, tmp_path, variable, attribute):
    (tmp_path / "secret").write_text("from a file\n")
    settings = read(environment=COMPLETE | {f"{variable}_FILE": str(tmp_path / "secret")})
    assert getattr(settings, attribute) == "from a file"


def test_a_secret_whose_file_is_not_there_is_a_fault(faults, tmp_path):
    missing = str(tmp_path / "nothing")
    found = faults(environment=COMPLETE | {"TALLYSTICK_DATABASE_URL_FILE": missing})
    assert any("TALLYSTICK_DATABASE_URL_FILE" in fault and missing in fault for fault in found)


def test_everything_that_is_missing_is_named_at_once():
    with pytest.raises(SettingsError) as refusal:
        load(None, {})
    told = "\n".join(refusal.value.faults)
    for word in (
        "TALLYSTICK_INSTALLATION_ID",
        "TALLYSTICK_DATABASE_URL",
        "TALLYSTICK_LOCAL_KEYS_MASTER_KEY",
        "TALLYSTICK_LOCAL_KEYS_ALLOW",
        "no network",
    ):
        assert word in told
    assert len(refusal.value.faults) == 5


WRONG_NUMBERS = {
    "TALLYSTICK_DATABASE_CONNECTIONS": "0",
    "TALLYSTICK_HTTP_PORT": "65536",
    "TALLYSTICK_HTTP_REQUEST_LIMIT": "many",
    "TALLYSTICK_HTTP_TRUSTED_PROXIES": "-1",
    "TALLYSTICK_WORKER_THREADS": "0",
}


def test_every_wrong_value_is_named_at_once(faults):
    found = faults(environment=COMPLETE | WRONG_NUMBERS)
    assert len(found) == len(WRONG_NUMBERS)
    for variable in WRONG_NUMBERS:
        assert any(variable in fault for fault in found), variable


def test_what_is_missing_does_not_hide_what_is_wrong():
    with pytest.raises(SettingsError) as refusal:
        load(None, WRONG_NUMBERS)
    for variable in WRONG_NUMBERS:
        assert any(variable in fault for fault in refusal.value.faults), variable


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TALLYSTICK_INSTALLATION_ID", "org_01k9zvkx9te1mt5qg4s7z9ht6e"),
        ("TALLYSTICK_INSTALLATION_ID", "Tallystick"),
        ("TALLYSTICK_INSTALLATION_ENVIRONMENT", "staging"),
        ("TALLYSTICK_LOCAL_KEYS_ALLOW", "perhaps"),
        ("TALLYSTICK_HTTP_PORT", "eighty"),
        ("TALLYSTICK_DATABASE_URL", ""),
    ],
)
def test_a_value_that_cannot_be_used_is_named_by_its_variable(faults, variable, text):
    (fault,) = faults(environment=COMPLETE | {variable: text})
    assert variable in fault


def test_a_file_that_is_not_toml_is_a_fault(tmp_path):
    (tmp_path / "tallystick.toml").write_text("[networks")
    with pytest.raises(SettingsError, match=r"tallystick\.toml cannot be read"):
        load(tmp_path / "tallystick.toml", COMPLETE)


class TestLocalKeys:
    PRODUCTION = COMPLETE | {"TALLYSTICK_INSTALLATION_ENVIRONMENT": "production"}

    def test_are_refused_in_production(self, faults):
        (fault,) = faults(environment=self.PRODUCTION)
        assert "TALLYSTICK_LOCAL_KEYS_ALLOW" in fault

    def test_are_refused_where_no_environment_is_named(self, faults):
        unnamed = {
            name: text for name, text in COMPLETE.items() if not name.endswith("_ENVIRONMENT")
        }
        (fault,) = faults(environment=unnamed)
        assert "TALLYSTICK_LOCAL_KEYS_ALLOW" in fault

    def test_are_used_in_production_by_whoever_says_so(self, read):
        settings = read(environment=self.PRODUCTION | {"TALLYSTICK_LOCAL_KEYS_ALLOW": "true"})
        assert settings.custodian == "local-keys"

    @pytest.mark.parametrize("environment", ["development", "test"])
    def test_are_used_elsewhere(self, read, environment):
        named = COMPLETE | {"TALLYSTICK_INSTALLATION_ENVIRONMENT": environment}
        assert not read(environment=named).allow_local_keys


class TestANetwork:
    @pytest.fixture
    def faults_of(self, faults):
        """What is wrong when *words* of the entry are replaced."""

        def changed(words, by):
            assert words in NETWORK
            other = NETWORK.replace(words, by).replace("84532", "1")
            return faults(other)

        return changed

    @pytest.mark.parametrize(
        ("words", "by"),
        [
            ('name = "Base Sepolia"', ""),
            ('family = "evm"', 'family = "cosmos"'),
            ('class = "test"', 'class = "staging"'),
            ("finality_depth = 12", ""),
            ("finality_depth = 12", 'finality_depth = 12\nfinality_tag = "finalized"'),
            ("fee_ceiling = 100_000_000_000", "fee_ceiling = 0"),
            ("fee_ceiling = 100_000_000_000", 'fee_ceiling = "much"'),
            ('native_currency = "ETH"', ""),
            ('["https://node.example/v3/node-password", "https://other.example"]', "[]"),
        ],
    )
    def test_that_cannot_be_used_is_named(self, faults_of, words, by):
        (fault,) = faults_of(words, by)
        assert '[networks."eip155:1"]' in fault

    def test_all_that_cannot_be_used_are_named(self, faults):
        entries = "".join(f'\n[networks."eip155:{number}"]\nname = "x"\n' for number in (1, 2))
        assert len(faults(entries)) == 2

    @pytest.mark.parametrize("text", ["networks = 4", "[networks]", '[networks]\n"eip155:1" = 4'])
    def test_that_is_no_table_is_a_fault(self, tmp_path, text):
        (tmp_path / "tallystick.toml").write_text(text)
        with pytest.raises(SettingsError, match="network"):
            load(tmp_path / "tallystick.toml", COMPLETE)

    @pytest.mark.parametrize(
        ("words", "by"),
        [
            # `latest` is a tag too, and nothing would ever be final under it.
            ("finality_depth = 12", 'finality_tag = "latest"'),
            ("fee_ceiling = 100_000_000_000", "fee_ceiling = 1.9"),
            ('["https://node.example/v3/node-password", "https://other.example"]', '"https://n"'),
            ('name = "Base Sepolia"', 'name = "Base Sepolia"\npoll_milliseconds = -5'),
            ('name = "Base Sepolia"', 'name = "Base Sepolia"\nfinalty_depth = 3'),
        ],
        ids=["tag", "fraction", "nodes", "negative", "misspelt"],
    )
    def test_that_would_be_misread_is_named(self, faults_of, words, by):
        (fault,) = faults_of(words, by)
        assert '[networks."eip155:1"]' in fault

    @pytest.mark.parametrize("name", ["base", "eip155", "eip155:base", "algorand:x"])
    def test_that_is_not_named_by_caip_2_for_its_family_is_a_fault(self, tmp_path, name):
        (tmp_path / "tallystick.toml").write_text(NETWORK.replace("eip155:84532", name))
        with pytest.raises(SettingsError):
            load(tmp_path / "tallystick.toml", COMPLETE)


def test_a_misspelt_key_is_a_fault(faults):
    (fault,) = faults("[http]\nprot = 9000")
    assert "prot" in fault


def test_no_password_is_shown(read):
    settings = read()
    for password in PASSWORDS:
        assert password not in repr(settings)
        assert password not in str(settings.redacted())


def test_no_password_of_a_node_is_shown(read):
    # Hosted nodes are called by a URL that holds the caller's key.
    assert "node-password" not in repr(read())


def test_no_password_is_in_a_fault(faults):
    wrong = COMPLETE | WRONG_NUMBERS | {"TALLYSTICK_INSTALLATION_ID": "wrong"}
    told = "\n".join(faults(environment=wrong))
    assert not any(password in told for password in PASSWORDS)
