"""Configuration: the environment over the file, secrets from files, every fault at once."""

import hashlib
import json
import pathlib
from base64 import b64encode
from datetime import timedelta

import pytest
from click.testing import CliRunner

from adapters.memory.storage import MemoryStore
from adapters.memory.telemetry import MemoryTelemetry
from application.custody.guarded import Guarded
from application.ports.nodes import Endpoint
from domain.identifiers import Prefix, public_id
from domain.signing import Curve
from entrypoints import assembly
from entrypoints.container import build_container
from entrypoints.main import main
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
    drift_check_minutes = 15
    """
    settings = read(text, environment={})
    assert settings.database_url == "postgresql://from-the-file"
    assert settings.migrator_url is None
    assert (settings.database_connections, settings.worker_threads) == (40, 9)
    assert (settings.http_port, settings.request_limit, settings.trusted_proxies) == (9000, 7, 1)
    assert settings.base_url == "http://127.0.0.1:9000"
    assert settings.drift_check == timedelta(minutes=15)


def test_the_master_key_wraps_unless_somebody_else_is_said_to(read):
    assert (read("").wrapping.by, read("").wrapping.wrap_with) == ("local-keys", None)
    text = """
    [custodian]
    others = ["vault:https://vault.example:8200", "aws-kms:eu-central-1"]
    [wrapping]
    by = "aws-kms"
    aws_kms_keys = ["alias/new", "alias/old"]
    """
    without = {name: text for name, text in COMPLETE.items() if "MASTER_KEY" not in name}
    wrapping = read(text, without).wrapping
    assert (wrapping.by, wrapping.kms_keys) == ("aws-kms", ("alias/new", "alias/old"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[wrapping]\nby = "pkcs11"', "does not wrap"),
        ('[wrapping]\nby = "vault"', "must be one of the custodians"),
        ('[custodian]\nothers = ["aws-kms:eu-central-1"]\n[wrapping]\nby = "aws-kms"',
         "AWS_KMS_KEYS"),
        ('[wrapping]\naws_kms_keys = ["alias/x"]', "aws-kms must be one"),
        ("[local_keys]\nwrap_with = 0", "a version of the master key"),
    ],
)  # fmt: skip
def test_what_cannot_wrap_is_said(read, text, fault):
    with pytest.raises(SettingsError, match=fault):
        read(text)


@pytest.mark.parametrize(("environment", "seconds"), [("development", 5), ("test", 30)])
def test_treasuries_are_looked_at_twice_a_minute(read, environment, seconds):
    assert read("", COMPLETE | {"TALLYSTICK_INSTALLATION_ENVIRONMENT": environment}) \
        .treasury_check == timedelta(seconds=seconds)  # fmt: skip
    assert read("[treasury]\ncheck_seconds = 7").treasury_check == timedelta(seconds=7)


@pytest.mark.parametrize(("environment", "minutes"), [("development", 1), ("test", 60)])
def test_tokens_are_looked_at_every_hour_and_more_often_in_development(read, environment, minutes):
    settings = read("", COMPLETE | {"TALLYSTICK_INSTALLATION_ENVIRONMENT": environment})
    assert settings.drift_check == timedelta(minutes=minutes)


def test_checkpoints_are_anchored_where_it_says_and_every_hour(read):
    assert (read().anchor_networks, read().anchor_every) == ((), timedelta(hours=1))
    text = """
    [audit]
    anchor_networks = ["eip155:84532"]
    anchor_every_minutes = 15
    """
    settings = read(text)
    assert settings.anchor_networks == ("eip155:84532",)
    assert settings.anchor_every == timedelta(minutes=15)
    told = settings.redacted()["audit"]
    assert told["anchor_networks"] == ["eip155:84532"]
    assert told["anchor_every_minutes"] == 15


@pytest.mark.parametrize(
    ("value", "networks"),
    [("eip155:84532", 1), (" eip155:84532 , eip155:84532", 1), ("", 0), (",", 0)],
)
def test_networks_of_the_environment_have_commas_between_them(read, value, networks):
    environment = COMPLETE | {"TALLYSTICK_AUDIT_ANCHOR_NETWORKS": value}
    text = '[audit]\nanchor_networks = ["eip155:1"]'
    assert read(text, environment).anchor_networks == ("eip155:84532",) * networks


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('anchor_networks = ["eip155:1"]', "eip155:1 is not configured"),
        ('anchor_networks = "eip155:84532"', "must be a list"),
        ("anchor_networks = [84532]", "must be a list"),
        ("anchor_every_minutes = 0", "a number of minutes"),
    ],
)
def test_what_cannot_be_anchored_on_is_said(faults, text, fault):
    (found,) = faults(f"[audit]\n{text}")
    assert fault in found


@pytest.mark.parametrize("minutes", ["0", "-1", "10081", "often", "1.5"])
def test_an_interval_of_less_than_a_minute_or_more_than_a_week_is_refused(faults, minutes):
    (fault,) = faults("", COMPLETE | {"TALLYSTICK_WORKER_DRIFT_CHECK_MINUTES": minutes})
    assert "TALLYSTICK_WORKER_DRIFT_CHECK_MINUTES" in fault
    assert "1 to 10080" in fault


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
        ("TALLYSTICK_DATABASE_READER_URL", "reader_url"),
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


class TestCustodians:
    VAULT = "vault:https://vault.example:8200?mount=keys"
    TOKEN = "pkcs11:token=ours?module-path=/lib/x.so"

    def test_the_first_makes_new_keys_and_the_others_are_there_too(self, read):
        settings = read(
            environment=COMPLETE
            | {
                "TALLYSTICK_CUSTODIAN_NEW_KEYS": self.VAULT,
                "TALLYSTICK_CUSTODIAN_OTHERS": f"{self.TOKEN}, aws-kms:eu-central-1, local-keys",
                "TALLYSTICK_VAULT_TOKEN": "hunter2",
                "TALLYSTICK_PKCS11_PIN": "531642",
            }
        )
        assert settings.custodian == "vault"
        assert {
            each.scheme: (each.address, dict(each.secrets)) for each in settings.custodians
        } == {
            "vault": (
                "https://vault.example:8200?mount=keys",
                {"token": "hunter2", "role_id": "", "secret_id": ""},
            ),
            "pkcs11": ("token=ours?module-path=/lib/x.so", {"pin": "531642"}),
            "aws-kms": ("eu-central-1", {}),
            "local-keys": ("", {}),
        }
        told = f"{settings!r} {settings.redacted()}"
        assert "hunter2" not in told
        assert "531642" not in told
        assert settings.redacted()["custodian"] == {
            "new_keys": "vault:https://vault.example:8200",
            "others": ["pkcs11:token=ours", "aws-kms:eu-central-1", "local-keys"],
            "offered": ["vault"],
        }

    def test_organisations_choose_among_what_is_offered(self, read, faults):
        named = {
            "TALLYSTICK_CUSTODIAN_NEW_KEYS": self.VAULT,
            "TALLYSTICK_CUSTODIAN_OTHERS": "aws-kms:eu-central-1, local-keys",
        }
        both = COMPLETE | named | {"TALLYSTICK_CUSTODIAN_OFFERED": "vault, aws-kms"}
        assert read(environment=both).offered_custodians == {"vault", "aws-kms"}
        wrong = COMPLETE | named | {"TALLYSTICK_CUSTODIAN_OFFERED": "vault, pkcs11"}
        (fault,) = faults(environment=wrong)
        assert "pkcs11 is no custodian of this configuration" in fault

    def test_production_wants_another_custodian_than_local_keys(self, read):
        settings = read(
            environment=TestLocalKeys.PRODUCTION | {"TALLYSTICK_CUSTODIAN_NEW_KEYS": self.VAULT}
        )
        assert settings.custodian == "vault"

    @pytest.mark.parametrize(
        ("new_keys", "others", "complaint"),
        [
            ("nowhere:x", "", "no custodian nowhere"),
            ("postgres", "", "no custodian postgres"),
            ("local-keys", "local-keys", "names local-keys again"),
            ("local-keys", "memory", "no custodian memory"),
        ],
    )
    def test_what_is_no_custodian_is_said(self, faults, new_keys, others, complaint):
        named = {
            "TALLYSTICK_CUSTODIAN_NEW_KEYS": new_keys,
            "TALLYSTICK_CUSTODIAN_OTHERS": others,
        }
        (fault,) = faults(environment=COMPLETE | named)
        assert complaint in fault

    def test_a_password_in_an_address_is_not_shown(self, read):
        wrong = "vault:https://me:hunter2@vault.example?token=hunter2"
        settings = read(environment=COMPLETE | {"TALLYSTICK_CUSTODIAN_NEW_KEYS": wrong})
        assert "hunter2" not in f"{settings!r} {settings.redacted()}"
        with pytest.raises(SettingsError, match="credentials do not belong") as refusal:
            assembly.custodians(settings, MemoryStore(), MemoryTelemetry())
        assert "hunter2" not in str(refusal.value)

    @pytest.mark.parametrize("named", [VAULT, TOKEN, "aws-kms:eu-central-1", "local-keys"])
    def test_every_custodian_is_built_without_asking_it(self, read, named):
        """Also where this process has no credentials of it: `serve` signs nothing."""
        settings = read(environment=COMPLETE | {"TALLYSTICK_CUSTODIAN_NEW_KEYS": named})
        (custodian,) = assembly.custodians(settings, MemoryStore(), MemoryTelemetry()).values()
        assert isinstance(custodian, Guarded)
        assert custodian.capabilities().curves == set(Curve)

    @pytest.mark.parametrize("named", ["vault:http://vault.example", "pkcs11:", "aws-kms:here"])
    def test_a_place_that_cannot_be_understood_is_a_fault(self, read, named):
        settings = read(environment=COMPLETE | {"TALLYSTICK_CUSTODIAN_NEW_KEYS": named})
        with pytest.raises(SettingsError, match=f"custodian {named.partition(':')[0]}: "):
            assembly.custodians(settings, MemoryStore(), MemoryTelemetry())


@pytest.mark.parametrize("origin", ["custodian", "arc76"])
def test_where_accounts_to_come_have_their_keys_from_is_said(read, origin):
    assert read(f'[accounts]\norigin = "{origin}"').account_origin.value == origin


@pytest.mark.parametrize("origin", ["custodian_instead", "password", ""])
def test_what_becomes_of_an_account_is_no_setting(faults, origin):
    (fault,) = faults(f'[accounts]\norigin = "{origin}"')
    assert "TALLYSTICK_ACCOUNTS_ORIGIN" in fault
    assert "custodian or arc76" in fault


class TestANetwork:
    @pytest.fixture
    def faults_of(self, faults):
        """What is wrong when *words* of the entry are replaced."""

        def changed(words, by):
            assert words in NETWORK
            other = NETWORK.replace(words, by).replace("84532", "5")
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
        assert '[networks."eip155:5"]' in fault

    def test_all_that_cannot_be_used_are_named(self, faults):
        entries = "".join(f'\n[networks."eip155:{number}"]\nname = "x"\n' for number in (5, 6))
        found = faults(entries)
        missing = {"family", "class", "nodes", "fee_ceiling", "native_currency", "finality_depth"}
        assert len(found) == 2 * len(missing)
        for number in (5, 6):
            of_one = [fault for fault in found if f'[networks."eip155:{number}"]' in fault]
            assert {key for key in missing for fault in of_one if key in fault} == missing

    @pytest.mark.parametrize("text", ["networks = 4", "[networks]", '[networks]\n"eip155:5" = 4'])
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
        assert '[networks."eip155:5"]' in fault

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


MAINNET = "algorand:wGHE2Pwdvd7S12BL5FaOP20EGYesN73k"
VOI = "algorand:r20fSQI8gWe_kFZziNonSPCXLwcQmH_n"
BETANET = "algorand:mFgazF-2uRS1tMiL9dsj01hJGySEmPN2"
BETANET_GENESIS = "mFgazF+2uRS1tMiL9dsj01hJGySEmPN28B/TjjvpVW0="
#: Of a wallet library; its first 32 characters are BetaNet's.
BETANET_TRAP = "mFgazF+2uRS1tMiL9dsj01hJGySEmPN2OvOTQHJ6iQg="
TWO_NODES = 'nodes = ["https://one.example", "https://two.example"]'


def algorand(genesis: str) -> str:
    """The CAIP-2 name of what begins with *genesis*, worked out by hand."""
    return "algorand:" + genesis.replace("+", "-").replace("/", "_")[:32]


class Networks:
    """Networks of a file that has nothing else."""

    def __init__(self, folder):
        self.path = folder / "networks.toml"

    def read(self, text):
        self.path.write_text(text)
        return {entry.network.id: entry for entry in load(self.path, COMPLETE).networks}

    def faults(self, text):
        with pytest.raises(SettingsError) as refusal:
            self.read(text)
        return refusal.value.faults


@pytest.fixture
def networks(tmp_path):
    return Networks(tmp_path)


class TestAShippedNetwork:
    """What is shipped is judged in `test_shipped_networks`."""

    def test_is_not_used_unless_it_is_named(self, networks):
        assert set(networks.read(f'[networks."{VOI}"]')) == {VOI}

    def test_is_said_differently_key_by_key(self, networks):
        text = f'[networks."{VOI}"]\nwindow = 200\nname = "Other"\nnodes = ["http://own:1"]'
        entry = networks.read(text + "\nmin_sources = 1")[VOI]
        assert (entry.network.window, entry.network.name) == (200, "Other")
        assert entry.nodes == (Endpoint(url="http://own:1"),)
        assert entry.network.native_currency == "VOI"

    def test_may_be_final_by_another_rule(self, networks):
        text = f'[networks."eip155:8453"]\nfinality_depth = 30\n{TWO_NODES}'
        finality = networks.read(text)["eip155:8453"].network.finality
        assert (finality.tag, finality.depth) == (None, 30)

    @pytest.mark.parametrize(
        ("key", "line"),
        [
            ("class", 'class = "development"'),
            ("class", 'class = "live"'),
            ("family", 'family = "evm"'),
            ("genesis", f'genesis = "{BETANET_TRAP}"'),
        ],
    )
    def test_is_what_it_is(self, networks, key, line):
        (fault,) = networks.faults(f'[networks."{BETANET}"]\n{line}\n{TWO_NODES}')
        assert fault.startswith(f'[networks."{BETANET}"] {key}: is ')
        assert fault.endswith(" for this network, and never another")

    def test_may_say_again_what_it_is(self, networks):
        text = f'[networks."{BETANET}"]\nclass = "test"\ngenesis = "{BETANET_GENESIS}"\n'
        assert networks.read(text + TWO_NODES)


class TestAnAlgorandNetworkOfOnesOwn:
    GENESIS = b64encode(hashlib.sha256(b"a genesis").digest()).decode()
    TEXT = f"""
[networks."{algorand(GENESIS)}"]
name = "local"
family = "algorand"
class = "development"
genesis = "{GENESIS}"
nodes = ["http://127.0.0.1:4001"]
finality_depth = 0
fee_ceiling = 1000
native_currency = "ALGO"
"""

    def test_is_said_in_full(self, networks):
        (entry,) = networks.read(self.TEXT).values()
        network = entry.network
        assert (network.genesis, network.window, network.min_sources) == (self.GENESIS, 150, 1)
        assert network.native_decimals == 6

    @pytest.mark.parametrize(
        "other",
        [
            "",
            "not base64",
            b64encode(b"x" * 31).decode(),
            b64encode(b"x" * 33).decode(),
            GENESIS.rstrip("="),
            GENESIS.translate(str.maketrans("+/", "-_")) + "=",
            # The last letter holds four bits that belong to nobody.
            GENESIS[:-2] + chr(ord(GENESIS[-2]) + 1) + "=",
        ],
    )
    def test_has_a_genesis_of_32_bytes_spelt_as_nodes_spell_it(self, networks, other):
        (fault,) = networks.faults(self.TEXT.replace(f'"{self.GENESIS}"', f'"{other}"'))
        assert fault.endswith("genesis: must be the whole genesis hash, 32 bytes in base64")

    def test_has_the_genesis_of_its_name(self, networks):
        other = BETANET_GENESIS
        text = self.TEXT.replace(f'genesis = "{self.GENESIS}"', f'genesis = "{other}"')
        (fault,) = networks.faults(text)
        assert fault.endswith(f"genesis: is of {BETANET}, which is another network")

    def test_must_say_its_genesis(self, networks):
        text = self.TEXT.replace(f'genesis = "{self.GENESIS}"', "")
        (fault,) = networks.faults(text)
        assert "genesis: is missing" in fault

    @pytest.mark.parametrize("window", ["19", "1001", "150.0", "true", '"150"'])
    def test_has_a_window_a_node_accepts(self, networks, window):
        (fault,) = networks.faults(self.TEXT + f"window = {window}")
        assert fault.endswith("window: must be a whole number, from 20 to 1000")

    @pytest.mark.parametrize("window", [20, 1000])
    def test_has_a_window_of_its_own(self, networks, window):
        (entry,) = networks.read(self.TEXT + f"window = {window}").values()
        assert entry.network.window == window


class TestTheAvm:
    TEXT = TestAnAlgorandNetworkOfOnesOwn.TEXT

    @pytest.mark.parametrize("avm", ["0", "14", "10.0", "true", '"10"'])
    def test_is_one_that_there_is(self, networks, avm):
        (fault,) = networks.faults(self.TEXT + f"avm = {avm}")
        assert fault.endswith(" avm: must be a whole number, from 1 to 13")

    @pytest.mark.parametrize("avm", [1, 13])
    def test_is_what_is_said(self, networks, avm):
        (entry,) = networks.read(self.TEXT + f"avm = {avm}").values()
        assert entry.network.avm == avm
        assert entry.redacted()["avm"] == {"value": avm, "from": "file"}

    @pytest.mark.parametrize(
        ("network_class", "avm"), [("development", 12), ("test", 10), ("live", 10)]
    )
    def test_is_careful_where_nothing_is_said(self, networks, network_class, avm):
        text = self.TEXT.replace("development", network_class) + "min_sources = 1"
        (entry,) = networks.read(text).values()
        assert entry.network.avm == avm

    def test_of_a_shipped_network_may_be_another(self, networks):
        assert networks.read(f'[networks."{VOI}"]\navm = 12')[VOI].network.avm == 12


def test_an_application_has_a_link_of_its_own(networks):
    text = f'[networks."{VOI}"]\nexplorer_application = "https://own.example/{{}}"'
    entry = networks.read(text)[VOI]
    assert entry.network.explorer_application == "https://own.example/{}"
    assert entry.redacted()["explorer_application"]["from"] == "file"


class TestAWindow:
    TEXT = TestAnAlgorandNetworkOfOnesOwn.TEXT

    @pytest.mark.parametrize("network_class", ["test", "live"])
    @pytest.mark.parametrize("window", [501, 1000])
    def test_is_no_longer_than_what_nodes_keep_allows(self, networks, network_class, window):
        text = self.TEXT.replace("development", network_class)
        (fault,) = networks.faults(text + f"window = {window}\nmin_sources = 1")
        assert f" window: is {window}, and must not be above 500 " in fault

    @pytest.mark.parametrize("network_class", ["test", "live"])
    def test_of_500_rounds_is_kept(self, networks, network_class):
        text = self.TEXT.replace("development", network_class)
        (entry,) = networks.read(text + "window = 500\nmin_sources = 1").values()
        assert entry.network.window == 500

    def test_of_a_shipped_network_is_no_longer_either(self, networks):
        (fault,) = networks.faults(f'[networks."{VOI}"]\nwindow = 501')
        assert fault.startswith(f'[networks."{VOI}"] window: is 501, and must not be above 500 ')


@pytest.mark.parametrize("line", [f'genesis = "{BETANET_GENESIS}"', "window = 150"])
def test_what_is_algorands_is_unknown_elsewhere(faults, line):
    (fault,) = faults(line)
    assert fault == f'[networks."eip155:84532"] {line.partition(" ")[0]}: is unknown'


class TestSources:
    @pytest.mark.parametrize(
        ("network_class", "number"), [("development", 1), ("test", 2), ("live", 2)]
    )
    def test_are_two_where_it_matters(self, networks, network_class, number):
        text = NETWORK.replace('"test"', f'"{network_class}"').replace("84532", "31337")
        (entry,) = networks.read(text).values()
        assert entry.network.min_sources == number

    def test_may_be_one_if_it_is_said(self, networks):
        text = '[networks."eip155:8453"]\nnodes = ["http://own"]\nmin_sources = 1'
        assert networks.read(text)["eip155:8453"].network.min_sources == 1

    @pytest.mark.parametrize("number", ["0", "-1", "true", "1.0", '"1"'])
    def test_are_a_number(self, faults, number):
        (fault,) = faults(f"min_sources = {number}")
        assert fault.endswith("min_sources: must be a whole number, not below 1")

    def test_are_no_more_than_there_are(self, faults):
        (fault,) = faults("min_sources = 3")
        assert fault.startswith('[networks."eip155:84532"] min_sources: is 3, and nodes has 2: ')


class TestANode:
    @pytest.fixture
    def nodes(self, networks):
        def reading(*entries):
            text = f'[networks."{VOI}"]\nmin_sources = 1\nnodes = [{", ".join(entries)}]'
            return networks.read(text)[VOI].nodes

        return reading

    @pytest.fixture
    def fault(self, networks):
        def reading(*entries):
            text = f'[networks."{VOI}"]\nmin_sources = 1\nnodes = [{", ".join(entries)}]'
            (fault,) = networks.faults(text)
            assert "secret" not in fault
            assert fault.startswith(f'[networks."{VOI}"] nodes: ')
            return fault.partition(" nodes: ")[2]

        return reading

    def test_is_a_url_or_a_table(self, nodes, tmp_path):
        (tmp_path / "token").write_text("from-a-file\n")
        assert nodes(
            '"https://one"',
            '{ url = "https://two", token = "word", archival = true }',
            f'{{ url = "https://three", token_file = "{tmp_path / "token"}" }}',
        ) == (
            Endpoint(url="https://one"),
            Endpoint(url="https://two", token="word", archival=True),
            Endpoint(url="https://three", token="from-a-file"),
        )

    @pytest.mark.parametrize(
        "entry",
        ['"ftp://secret"', '"secret"', '"https://"', '"http://h:secret"', '"http://[secret"',
         '{ token = "secret" }', "{ url = 4 }"],
    )  # fmt: skip
    def test_has_a_url(self, fault, entry):
        assert fault('"http://one"', entry) == "number 2 needs a url, http://… or https://…"

    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            ("4", "number 1 must be a URL, or a table with one"),
            ('{ url = "http://secret", tokn = "secret", x = 1 }',
             "number 1 has unknown keys: tokn, x"),
            ('{ url = "http://secret", archival = "yes" }',
             "number 1 has an archival that is neither true nor false"),
            ('{ url = "http://secret", token = "secret", token_file = "f" }',
             "number 1 has both token and token_file"),
            ('{ url = "http://secret", token = "secret\\nword" }',
             "number 1 has a token that is no word of printable ASCII"),
            ('{ url = "http://secret", token = "" }',
             "number 1 has a token that is no word of printable ASCII"),
            ('{ url = "http://secret", token = 5 }',
             "number 1 has a token that is no word of printable ASCII"),
            ('{ url = "http://secret", token_file = "/nowhere/token" }',
             "number 1 has a token_file that cannot be read: /nowhere/token"),
            ('{ url = "http://secret", token_file = 5 }',
             "number 1 has a token_file that cannot be read: 5"),
        ],
    )  # fmt: skip
    def test_that_cannot_be_used_is_named_by_its_place(self, fault, entry, said):
        assert fault(entry) == said

    @pytest.mark.parametrize(
        "other",
        ["https://secret.node/v3/", "https://SECRET.node/v3", "HTTPS://secret.node/v3",
         "https://secret.node./v3", "https://secret.node:443/v3", "https://secret.node:/v3",
         "https://secret.node/v3?", "https://secret.node/v3#", "https://secret.node/v3#secret",
         "https://user:secret@secret.node/v3", "https://user:secret@Secret.Node.:443/v3/?#"],
    )  # fmt: skip
    def test_is_there_once_however_it_is_spelt(self, fault, other):
        for pair in (("https://secret.node/v3", other), (other, "https://secret.node/v3")):
            twice = fault(*(f'"{url}"' for url in pair))
            assert twice == "number 2 is there twice; it would be believed twice"

    def test_is_there_once_whoever_asks(self, fault):
        entries = ('{ url = "http://secret", token = "a" }', '{ url = "http://secret:80" }')
        assert fault(*entries) == "number 2 is there twice; it would be believed twice"

    def test_is_another_one_elsewhere(self, nodes):
        urls = (
            "https://node/v3", "http://node/v3", "https://node:444/v3", "https://node/V3",
            "https://node/v3/a", "https://node", "https://other/v3", "https://node/v3?key=a",
            "https://node/v3?key=b",
        )  # fmt: skip
        assert len(nodes(*(f'"{url}"' for url in urls))) == len(urls)


class TestAKey:
    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("name = 4", "name: must be a text"),
            ('name = ""', "name: must be a text"),
            ('class = "staging"', "class: must be one of development, test, live"),
            ('family = "cosmos"', "family: must be one of evm, algorand"),
            ('finality_tag = "latest"', "finality_tag: must be finalized or safe"),
            ("finality_depth = -1", "finality_depth: must be a whole number, not below 0"),
            ("fee_ceiling = 0", "fee_ceiling: must be a whole number, not below 1"),
            ("native_decimals = 37", "native_decimals: must be a whole number, from 0 to 36"),
            ("poll_milliseconds = 0", "poll_milliseconds: must be a whole number, not below 1"),
            ('explorer_token = "https://x"', "explorer_token: must be a link with {} for the id"),
            ('explorer_address = "javascript:{}"',
             "explorer_address: must be a link with {} for the id"),
            ("fee_celing = 1", "fee_celing: is unknown"),
            ("avm = 10", "avm: is unknown"),
            ('explorer_application = "https://x/{}"', "explorer_application: is unknown"),
        ],
    )  # fmt: skip
    def test_that_is_wrong_is_named_with_its_network(self, networks, line, said):
        keys = {
            "name": '"x"', "family": '"evm"', "class": '"development"', "finality_tag": '"safe"',
            "nodes": '["http://n"]', "fee_ceiling": "1", "native_currency": '"ETH"',
        }  # fmt: skip
        key, _, value = line.partition(" = ")
        if key == "finality_depth":
            keys.pop("finality_tag")
        text = "\n".join(f"{key} = {value}" for key, value in (keys | {key: value}).items())
        assert networks.faults(f'[networks."eip155:5"]\n{text}') == (
            f'[networks."eip155:5"] {said}',
        )

    def test_that_is_wrong_does_not_hide_another(self, networks):
        text = f'[networks."{VOI}"]\nwindow = 1\nmin_sources = 9\nwindw = 3\nnodes = ["x"]\n'
        found = networks.faults(text + '[networks."eip155:8453"]\nfee_ceiling = 0\n' + TWO_NODES)
        named = [fault.rpartition('"] ')[2].partition(":")[0] for fault in found]
        assert sorted(named) == ["fee_ceiling", "nodes", "window", "windw"]

    def test_that_is_missing_is_named(self, networks):
        (fault,) = networks.faults(NETWORK.replace("84532", "7").replace("fee_ceiling", "# "))
        assert fault.startswith('[networks."eip155:7"] fee_ceiling: is missing; ')


class TestConfig:
    """`tallystick config`."""

    SECRETS = ("node-password", "node-token", "from-a-file", *PASSWORDS)

    @pytest.fixture
    def run(self, tmp_path, monkeypatch):
        (tmp_path / "token").write_text("from-a-file")
        nodes = f"""[
            "https://own.example/node-password",
            {{ url = "https://node-password@other.example", token = "node-token" }},
            {{ url = "http://third.example", token_file = "{tmp_path / "token"}" }},
        ]"""
        for name, text in COMPLETE.items():
            monkeypatch.setenv(name, text)

        def running(*arguments, text=f'[networks."{VOI}"]\nnodes = {nodes}\n'):
            (tmp_path / "tallystick.toml").write_text(text)
            path = str(tmp_path / "tallystick.toml")
            done = CliRunner().invoke(main, ["--config", path, "config", *arguments])
            assert not any(secret in done.output for secret in self.SECRETS)
            return done

        return running

    @pytest.mark.parametrize("options", [(), ("--json",)])
    def test_print_shows_no_secret(self, run, options):
        done = run("print", *options)
        assert done.exit_code == 0
        for host in ("own.example", "other.example", "third.example"):
            assert host in done.output

    def test_print_says_where_a_value_comes_from(self, run):
        shown = json.loads(run("print", "--json").stdout)["networks"][VOI]
        assert shown["window"] == {"value": 150, "from": "shipped"}
        assert shown["nodes"]["from"] == "file"
        text = NETWORK.replace('["https://node.example/v3/node-password", ', '["http://one", ')
        shown = json.loads(run("print", "--json", text=text).stdout)["networks"]["eip155:84532"]
        assert shown["finality_depth"] == {"value": 12, "from": "file"}
        assert "finality_tag" not in shown

    def test_print_shows_every_key(self, run):
        shown = json.loads(run("print", "--json").stdout)
        assert {f"{section}.{key}" for section in shown if section != "networks"
                for key in shown[section]} == {
            "installation.id", "installation.environment", "database.url",
            "database.migrator_url", "database.reader_url", "database.connections",
            "custodian.new_keys", "custodian.others", "custodian.offered", "accounts.origin",
            "pkcs11.pin",
            "vault.token", "vault.role_id", "vault.secret_id",
            "local_keys.master_key", "local_keys.allow", "local_keys.wrap_with",
            "wrapping.by", "wrapping.aws_kms_keys", "mail.url", "mail.from",
            "mail.verify", "http.host", "http.port",
            "http.base_url", "http.request_limit", "http.trusted_proxies", "worker.threads",
            "worker.niceness",
            "worker.drift_check_minutes", "worker.webhook_threads", "egress.ports",
            "treasury.check_seconds",
            "egress.allow_loopback",
            "audit.anchor_networks", "audit.anchor_every_minutes",
            "metadata.store", "metadata.url", "catalogue.file",
            "exports.folder", "exports.part_bytes", "exports.keep_days",
            "retention.folder", "retention.hot_months", "retention.kept_months",
            "credits.gift_daily_cap", "abuse.premium_gap_seconds", "abuse.output_limit",
            "abuse.credits_per_hour", "abuse.freeze", "audit.origin", "logs.format", "logs.level",
            "metrics.listen", "metrics.database_url", "traces.endpoint", "traces.headers",
        }  # fmt: skip

    def test_check_is_content(self, run):
        assert run("check").exit_code == 0
        assert json.loads(run("check", "--json").stdout) == {"usable": True, "faults": []}

    def test_check_names_every_fault(self, run):
        text = f'[networks."{VOI}"]\nwindow = 1\n[networks."{MAINNET}"]'
        done = run("check", text=text)
        assert done.exit_code == 2
        assert "window" in done.output
        assert "min_sources" in done.output
        done = run("check", "--json", text=text)
        assert done.exit_code == 2
        told = json.loads(done.stdout)
        assert (told["usable"], len(told["faults"])) == (False, 2)


def test_no_password_of_a_node_is_in_a_fault(networks):
    text = f'[networks."{VOI}"]\nwindow = 1\nnodes = ["https://h/node-password", "node-password"]'
    assert "node-password" not in "".join(networks.faults(text))


def test_no_token_of_a_node_is_shown(networks):
    node = '{ url = "https://node-password@h/node-password", token = "node-token" }'
    entry = networks.read(f'[networks."{VOI}"]\nmin_sources = 1\nnodes = [{node}]')[VOI]
    for secret in ("node-password", "node-token"):
        assert secret not in repr(entry)
        assert secret not in str(entry.redacted())


DEVNET_GENESIS = b64encode(hashlib.sha256(b"a chain of this test").digest()).decode()
DEVNET = f"""
[networks."algorand:{DEVNET_GENESIS.replace("+", "-").replace("/", "_")[:32]}"]
name = "devnet"
family = "algorand"
class = "development"
genesis = "{DEVNET_GENESIS}"
nodes = ["http://127.0.0.1:4001"]
finality_depth = 0
fee_ceiling = 10000
native_currency = "ALGO"
"""


class TestDocuments:
    """Where what tokens point at is published."""

    def test_are_served_where_the_api_is(self, read):
        settings = read(DEVNET)
        assert settings.metadata_store == "local"
        assert settings.document_base == "http://127.0.0.1:8080"
        assert settings.document_host == ""

    def test_may_have_a_host_name_of_their_own(self, read):
        text = f"""
        [http]
        base_url = "https://issue.example.com"
        [metadata]
        url = "https://meta.example.com/"
        {DEVNET}"""
        settings = read(text)
        assert settings.document_base == "https://meta.example.com"
        assert settings.document_host == "meta.example.com"

    def test_share_the_host_where_only_the_port_differs(self, read):
        environment = COMPLETE | {"TALLYSTICK_METADATA_URL": "http://127.0.0.1:9090"}
        settings = read(DEVNET, environment)
        assert (settings.document_base, settings.document_host) == ("http://127.0.0.1:9090", "")

    def test_may_be_on_ipfs(self, read):
        environment = COMPLETE | {"TALLYSTICK_METADATA_STORE": "ipfs+http://u:pass@127.0.0.1:5001"}
        settings = read(DEVNET, environment)
        assert settings.metadata_store == "ipfs+http://u:pass@127.0.0.1:5001"
        assert settings.redacted()["metadata"]["store"] == "ipfs"

    @pytest.mark.parametrize(
        "store",
        ["", "ipfs", "ipfs+", "ipfs+http://", "ipfs+ftp://h", "ipfs+http://h:x", "Local",
         "https://h", "s3+http://h", "ipfs+http://h?x", "ipfs+http://h#x"],
    )  # fmt: skip
    def test_are_published_in_one_of_two_ways(self, faults, store):
        environment = COMPLETE | {"TALLYSTICK_METADATA_STORE": store or " "}
        (fault,) = faults(DEVNET, environment)
        assert fault.startswith("TALLYSTICK_METADATA_STORE ([metadata] store) must be local or")

    @pytest.mark.parametrize(
        "url",
        ["meta.example.com", "ftp://meta.example.com", "https://", "https://meta.example.com/x",
         "https://meta.example.com?x", "https://meta.example.com#x", "https://u@meta.example.com",
         "https://meta example.com", "https://meta.example.com:x"],
    )  # fmt: skip
    def test_are_at_the_root_of_a_host(self, faults, url):
        (fault,) = faults(DEVNET, COMPLETE | {"TALLYSTICK_METADATA_URL": url})
        assert fault.startswith("TALLYSTICK_METADATA_URL ([metadata] url) must be a URL without")

    def test_leave_room_for_themselves_in_the_url_of_an_asset(self, read, faults):
        """96 bytes: the base, /m/, 43 letters, and #arc3."""
        fits = "https://" + "h" * (96 - len("https:///m/#arc3") - 43)
        for key in ("TALLYSTICK_METADATA_URL", "TALLYSTICK_HTTP_BASE_URL"):
            assert read(DEVNET, COMPLETE | {key: fits}).document_base == fits
            (fault,) = faults(DEVNET, COMPLETE | {key: fits + "h"})
            assert fault.startswith(key)
            assert "TALLYSTICK_METADATA_URL" in fault

    def test_need_no_room_where_nothing_points_at_them(self, read):
        long = "https://" + "h" * 200
        for text, more in [
            ("", {}),
            (DEVNET, {"TALLYSTICK_METADATA_STORE": "ipfs+http://127.0.0.1:5001"}),
        ]:
            assert read(text, COMPLETE | more | {"TALLYSTICK_HTTP_BASE_URL": long})

    def test_are_not_said_to_be_where_no_public_asset_may_point(self, read, faults):
        public = f'[networks."{VOI}"]'
        (fault,) = faults(public, COMPLETE | {"TALLYSTICK_METADATA_URL": "http://meta.example"})
        assert fault.startswith(
            "TALLYSTICK_METADATA_URL ([metadata] url) must begin with https://"
        )
        assert read(public)
        assert read(public, COMPLETE | {"TALLYSTICK_METADATA_URL": "https://meta.example"})
        assert read(DEVNET, COMPLETE | {"TALLYSTICK_METADATA_URL": "http://meta.example"})

    @pytest.mark.parametrize(
        ("text", "more", "is_offered"),
        [
            (DEVNET, {}, True),
            (f'[networks."{VOI}"]', {}, False),
            (f'[networks."{VOI}"]', {"HTTP_BASE_URL": "https://issue.example"}, True),
            (f'[networks."{VOI}"]', {"METADATA_STORE": "ipfs+http://127.0.0.1:5001"}, True),
        ],
        ids=["development", "public, no https", "public, https", "public, ipfs"],
    )
    def test_are_pointed_at_where_that_is_allowed(self, read, text, more, is_offered):
        more = {f"TALLYSTICK_{key}": value for key, value in more.items()}
        container = build_container(read(text, COMPLETE | more))
        (chain,) = [
            chain for id, chain in container.chains().items() if id.startswith("algorand:")
        ]
        kinds = {described.kind for described in chain.kinds()}
        assert "asa_ft" in kinds
        assert ("arc3_ft" in kinds) == is_offered


SEAL = {
    "TALLYSTICK_SEAL_DATABASE_URL": "postgresql://sealer:sealer-password@db/tallystick",
    "TALLYSTICK_SEAL_STATE_FILE": "/var/lib/tallystick/sealer.json",
}


class TestEgress:
    def test_nothing_of_this_machine_is_offered_by_default(self, read):
        settings = read()
        assert settings.egress.allow_loopback is False
        assert settings.egress.ports == {443, 8443}
        assert settings.webhook_threads == 8
        assert settings.worker_niceness == 10

    def test_a_developer_may_offer_it(self, read):
        text = '[egress]\nallow_loopback = true\nports = "443,9443"\n'
        settings = read(text)
        assert settings.egress.allow_loopback is True
        assert settings.egress.ports == {443, 9443}

    @pytest.mark.parametrize("environment", ["production", "test"])
    def test_nobody_else_may(self, faults, environment):
        told = faults(
            environment=COMPLETE
            | {
                "TALLYSTICK_INSTALLATION_ENVIRONMENT": environment,
                "TALLYSTICK_LOCAL_KEYS_ALLOW": "true",
                "TALLYSTICK_EGRESS_ALLOW_LOOPBACK": "true",
            }
        )
        assert any("TALLYSTICK_EGRESS_ALLOW_LOOPBACK" in fault for fault in told)

    @pytest.mark.parametrize("ports", ["", "https", "0", "65536", "443,", "-1"])
    def test_what_is_no_port_is_a_fault(self, faults, ports):
        told = faults(environment=COMPLETE | {"TALLYSTICK_EGRESS_PORTS": ports})
        assert any("TALLYSTICK_EGRESS_PORTS" in fault for fault in told)

    @pytest.mark.parametrize(
        ("environment", "plain"), [("development", True), ("test", False), ("production", False)]
    )
    def test_only_development_talks_in_the_clear(self, read, environment, plain):
        changes = {
            "TALLYSTICK_INSTALLATION_ENVIRONMENT": environment,
            "TALLYSTICK_LOCAL_KEYS_ALLOW": "true",
        }
        guard = build_container(read(environment=COMPLETE | changes)).egress()
        assert guard._rules.allows_plain is plain
        assert guard._rules.allows_loopback is False


class TestSealing:
    def test_is_not_configured_unless_one_says_so(self, read):
        settings = read()
        assert (settings.seal, settings.seal_key) == (None, None)
        assert settings.redacted()["seal"] == {}

    def test_reads_what_a_sealer_needs(self, read):
        settings = read(environment=COMPLETE | SEAL)
        assert settings.seal.database_url == SEAL["TALLYSTICK_SEAL_DATABASE_URL"]
        assert settings.seal.state_file == pathlib.Path("/var/lib/tallystick/sealer.json")
        assert (settings.seal.key, settings.seal_key) == (None, None)
        assert settings.seal.every == timedelta(seconds=1)
        assert "sealer-password" not in str(settings.redacted())
        assert settings.redacted()["seal"]["state_file"] == "/var/lib/tallystick/sealer.json"

    def test_seals_less_often_where_it_counts(self, read):
        production = {
            "TALLYSTICK_INSTALLATION_ENVIRONMENT": "production",
            "TALLYSTICK_LOCAL_KEYS_ALLOW": "true",
        }
        settings = read(environment=COMPLETE | production | SEAL)
        assert settings.seal.every == timedelta(seconds=5)

    def test_takes_one_key_by_its_reference(self, read):
        text = '\n[seal]\nkey = "local-keys:org_1/acct_1/1"\n'
        settings = read(text, environment=COMPLETE | SEAL)
        assert settings.seal_key == "local-keys:org_1/acct_1/1"

    @pytest.mark.parametrize("missing", SEAL)
    def test_wants_both_or_neither(self, faults, missing):
        given = {name: text for name, text in SEAL.items() if name != missing}
        (fault,) = faults(environment=COMPLETE | given)
        assert missing in fault

    @pytest.mark.parametrize(
        ("base_url", "host"),
        [
            ("https://issue.example.com", "issue.example.com"),
            ("https://issue.example.com:8443/tallystick", "issue.example.com:8443"),
            ("http://[::1]:8080", "[::1]:8080"),
        ],
    )
    def test_the_log_is_called_by_the_host_that_clients_know(self, read, base_url, host):
        assert read(f'\n[http]\nbase_url = "{base_url}"\n').audit_host == host

    def test_or_by_what_one_says(self, read):
        text = '\n[audit]\norigin = "log.example.com"\n'
        assert read(text).audit_host == "log.example.com"

    @pytest.mark.parametrize("origin", ["two words", "https://log.example.com", "a/b", "a+b"])
    def test_which_is_a_host(self, faults, origin):
        (fault,) = faults(f'\n[audit]\norigin = "{origin}"\n')
        assert "TALLYSTICK_AUDIT_ORIGIN" in fault
