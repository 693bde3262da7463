"""What deploy/ starts, held against the product: variables, commands, ports, paths."""

import re
from base64 import b64encode
from pathlib import Path

from attrs import field, frozen

from domain.identifiers import Prefix, public_id
from entrypoints.settings import Settings, load
from tests.architecture.house import ROOT
from tests.architecture.test_commands_in_documentation import missing
from tests.architecture.test_documentation import INSTALLATION, Asked

DEPLOY = ROOT / "deploy"
CONFIGURATION = "/etc/tallystick/tallystick.toml"
#: What stands in the files of secrets, here.
SECRETS = {
    "database_url": "postgresql://tallystick:x@database/tallystick",
    "migrator_url": "postgresql://postgres:x@database/tallystick",
    "reader_url": "postgresql://reader:x@database/tallystick",
    "seal_database_url": "postgresql://tallystick_seals:x@database/tallystick",
    "metrics_database_url": "postgresql://tallystick_figures:x@database/tallystick",
    "master_key": b64encode(bytes(32)).decode(),
    "vault_token": "x",
    "postgres_password": "x",
}
#: Whoever reads these can change tables, sign, or seal.
MIGRATOR = "TALLYSTICK_DATABASE_MIGRATOR_URL"
CUSTODIAN = "TALLYSTICK_VAULT_TOKEN"
SEALER = "TALLYSTICK_SEAL_DATABASE_URL"
#: Variables of secrets, as README.md marks them; they come from files and from nowhere else.
SECRET_ROW = re.compile(
    r"^\| `\[[a-z_0-9]+\] \w+` \| `(TALLYSTICK_\w+)` \|.*; secret", re.MULTILINE
)
SECRET_VARIABLES = set(SECRET_ROW.findall((ROOT / "README.md").read_text("utf-8")))
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+(?:\.\d+)?(?:-[\w.-]+)?")


@frozen(kw_only=True)
class Process:
    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    #: Secrets that are mounted into it, by their path.
    secrets: dict[str, str] = field(factory=dict)

    def settings(self, folder: Path, configuration: Path) -> Settings:
        """As the process reads them, with secrets in *folder*.  Raises: SettingsError."""
        environment = {}
        for name, value in self.environment.items():
            if name.endswith("_FILE") and value in self.secrets:
                file = folder / f"{self.name}-{self.secrets[value]}"
                file.write_text(SECRETS[self.secrets[value]])
                environment[name] = str(file)
            else:
                environment[name] = value
        environment["TALLYSTICK_CONFIG"] = str(configuration)
        return load(None, environment)

    def has(self, variable: str) -> bool:
        return f"{variable}_FILE" in self.environment


def interpolated(text: str) -> str:
    """With what deploy/.env has."""
    known = {
        "TALLYSTICK_INSTALLATION_ID": public_id(Prefix.INSTALLATION, INSTALLATION),
        "TALLYSTICK_HTTP_BASE_URL": "https://issue.example.com",
    }
    return re.sub(r"\$\{(\w+):\?[^}]+\}", lambda found: known[found[1]], text)


def is_of_the_product(process: Process, folder: Path, configuration: Path) -> Settings:
    """The command exists, each variable is asked for, each secret comes from a file of its own."""
    assert missing(process.command) is None, process.command
    asked = Asked(folder).variables | {"TALLYSTICK_CONFIG", "TALLYSTICK_SEAL_STATE_FILE"}
    for name, value in process.environment.items():
        # `[seal] state_file` is a name of its own.
        plain = stem if (stem := name.removesuffix("_FILE")) in asked else name
        assert plain in asked, f"{process.name}: nobody reads {name}"
        assert plain in SECRET_VARIABLES or plain == name, f"{name} is no secret"
        if plain in SECRET_VARIABLES:
            assert plain != name, f"{process.name}: {name} is a secret, and stands there"
            assert value in process.secrets, f"{process.name}: {value} is not mounted"
    unused = set(process.secrets) - set(process.environment.values())
    assert not unused, f"{process.name} has secrets that it does not read"
    return process.settings(folder, configuration)


def powers_are_apart(processes: dict[str, Process]) -> None:
    """Who accepts requests cannot sign, who signs cannot change tables, nobody seals but one."""
    for process in processes.values():
        first = process.command[:2]
        assert process.has(MIGRATOR) == (first[0] == "migrate" or first == ("audit", "archive"))
        assert process.has(CUSTODIAN) == (first[0] in {"work", "seal"}), process.name
        makes_logins = first == ("migrate", "--create-login")
        assert process.has(SEALER) == (makes_logins or first[0] == "seal"), process.name
