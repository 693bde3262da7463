"""deploy/compose.yaml starts this product, as it is, and gives nobody more than they need."""

import re

import pytest
import yaml
from attrs import evolve

from adapters.telemetry import serving
from entrypoints.http import health
from entrypoints.settings import SettingsError
from tests.architecture.house import ROOT
from tests.deploy.processes import (
    CONFIGURATION,
    DEPLOY,
    PINNED,
    SECRETS,
    Process,
    interpolated,
    is_of_the_product,
    powers_are_apart,
)

TEXT = (DEPLOY / "compose.yaml").read_text("utf-8")
COMPOSE = yaml.safe_load(interpolated(TEXT))
SERVICES = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("tallystick:")}
NGINX = (DEPLOY / "nginx.conf").read_text("utf-8")
PATHS = {path for handler in health.HANDLERS for path in handler.paths}


def process(name):
    service = SERVICES[name]
    return Process(
        name=name,
        command=tuple(service["command"]),
        environment={key: str(value) for key, value in service["environment"].items()},
        secrets={f"/run/secrets/{secret}": secret for secret in service.get("secrets", ())},
    )


PROCESSES = {name: process(name) for name in OURS}
each_process = pytest.mark.parametrize("name", OURS)
each_service = pytest.mark.parametrize("name", SERVICES)


def test_all_that_runs_is_there():
    commands = {process.command for process in PROCESSES.values()}
    assert {("serve",), ("work",), ("seal",), ("migrate", "--create-login")} <= commands
    assert [each.command for each in PROCESSES.values()].count(("serve",)) == 2
    assert SERVICES["work"]["deploy"]["replicas"] == 2
    assert "deploy" not in SERVICES["seal"], "one sealer"


@each_process
def test_a_process_reads_what_it_is_given(name, tmp_path):
    settings = is_of_the_product(PROCESSES[name], tmp_path, DEPLOY / "tallystick.toml")
    assert settings.environment == "production"
    (mounted,) = [each["target"] for each in SERVICES[name]["configs"]]
    assert mounted == CONFIGURATION == SERVICES[name]["environment"]["TALLYSTICK_CONFIG"]


@each_process
def test_folders_that_are_written_are_volumes(name, tmp_path):
    settings = PROCESSES[name].settings(tmp_path, DEPLOY / "tallystick.toml")
    mounts = [volume.split(":")[1] for volume in SERVICES[name].get("volumes", ())]
    wanted = {
        "seal": settings.seal and str(settings.seal.state_file.parent),
        "archive": settings.retention.folder,
        "serve-1": settings.exports.folder,
        "serve-2": settings.exports.folder,
        "work": settings.exports.folder,
    }
    assert mounts == [wanted[name]] if wanted.get(name) else not mounts or name == "verify-audit"


def test_powers_are_apart():
    powers_are_apart(PROCESSES)


def test_a_worker_with_the_migrators_password_would_be_noticed():
    worker = PROCESSES["work"]
    stronger = evolve(
        worker,
        environment=worker.environment | {"TALLYSTICK_DATABASE_MIGRATOR_URL_FILE": "/x"},
    )
    with pytest.raises(AssertionError):
        powers_are_apart(PROCESSES | {"work": stronger})


@pytest.mark.parametrize(
    "change",
    [
        {"TALLYSTICK_HTTP_PORTS": "1"},
        {"TALLYSTICK_VAULT_TOKEN": "hvs"},
        {"TALLYSTICK_VAULT_TOKEN_FILE": "/run/secrets/another"},
        {"TALLYSTICK_HTTP_PORT": "eighty"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_nobody_reads_or_everybody_sees_would_be_noticed(change, tmp_path):
    worker = PROCESSES["work"]
    changed = evolve(worker, environment=worker.environment | change)
    with pytest.raises((AssertionError, SettingsError)):
        is_of_the_product(changed, tmp_path, DEPLOY / "tallystick.toml")


@each_service
def test_nothing_has_root_or_a_root_file_system_to_write_on(name):
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert any("mode=1777" in entry for entry in service["tmpfs"])


@each_service
def test_images_are_pinned(name):
    assert PINNED.fullmatch(SERVICES[name]["image"]), SERVICES[name]["image"]


@each_service
def test_parts_that_are_named_are_declared(name):
    service = SERVICES[name]
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    assert {each["source"] for each in service.get("configs", ())} <= set(COMPOSE["configs"])
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    volumes = {volume.split(":")[0] for volume in service.get("volumes", ())}
    assert volumes <= set(COMPOSE["volumes"])
    assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_files_that_are_mounted_are_there():
    for each in COMPOSE["configs"].values():
        assert (DEPLOY / each["file"]).is_file()
    made = re.findall(r"^make (\w+) ", (DEPLOY / "make_secrets.sh").read_text(), re.MULTILINE)
    assert set(made) | {"vault_token"} == set(COMPOSE["secrets"]) <= set(SECRETS)
    assert all(each["file"] == f"./secrets/{name}" for name, each in COMPOSE["secrets"].items())


@pytest.mark.parametrize("name", ["serve-1", "serve-2", "work", "seal", "proxy"])
def test_health_is_asked_where_it_is_told(name):
    test = " ".join(SERVICES[name]["healthcheck"]["test"])
    (port, path) = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", test).groups()
    environment = SERVICES[name].get("environment", {})
    if path == serving.PATH:
        assert environment["TALLYSTICK_METRICS_LISTEN"].endswith(f":{port}")
    elif name == "proxy":
        assert path in PATHS
        assert f"listen {port};" in NGINX
    else:
        assert path in PATHS
        assert environment["TALLYSTICK_HTTP_PORT"] == port


def test_only_the_proxy_is_reached_from_outside():
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["proxy"]
    assert COMPOSE["networks"]["data"] == {"internal": True}
    assert SERVICES["database"]["networks"] == ["data"]


def test_the_proxy_sends_each_key_to_one_process():
    servers = re.findall(r"^\s*server ([\w-]+):(\d+);", NGINX, re.MULTILINE)
    ports = {
        name: each["environment"]["TALLYSTICK_HTTP_PORT"]
        for name, each in SERVICES.items()
        if each.get("command") == ["serve"]
    }
    assert dict(servers) == ports
    assert "hash $http_authorization consistent;" in NGINX
    assert all("proxy" not in SERVICES[name]["depends_on"] for name in ports)


def test_prometheus_asks_every_process():
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text("utf-8"))
    (job,) = scraped["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    lasting = {
        name
        for name, each in PROCESSES.items()
        if each.command in {("serve",), ("work",), ("seal",)}
    }
    assert set(found["names"]) == lasting
    for name in lasting:
        listen = SERVICES[name]["environment"]["TALLYSTICK_METRICS_LISTEN"]
        assert listen == f"0.0.0.0:{found['port']}"
        assert "watch" in SERVICES[name]["networks"]


class TestImage:
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")

    def test_every_stage_is_pinned(self):
        images = re.findall(r"^FROM (\S+)", self.dockerfile, re.MULTILINE)
        assert len(images) == 2
        assert all(PINNED.fullmatch(image) for image in images)

    def test_packages_come_by_hash(self):
        installs = re.findall(r"pip install ((?:[^\n&]|\n(?=    ))*)", self.dockerfile)
        assert len(installs) == 3
        for install in installs:
            assert "--require-hashes" in install or "--no-deps --offline" in install

    def test_what_is_copied_is_let_through_and_nothing_else(self):
        copied = {
            name
            for line in re.findall(r"^COPY (?!--from)(.+) \S+$", self.dockerfile, re.MULTILINE)
            for name in line.split()
        }
        ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8")
        assert set(re.findall(r"^!(.+)$", ignored, re.MULTILINE)) == copied
        assert all((ROOT / name).exists() for name in copied)

    def test_runs_as_the_user_that_compose_names(self):
        assert re.findall(r"^USER (\S+)$", self.dockerfile, re.MULTILINE) == ["10001:10001"]
        assert {each["user"] for each in OURS.values()} == {"10001:10001"}

    def test_folders_of_volumes_belong_to_it(self):
        made = re.findall(r"(/var/lib/tallystick/\w+)", self.dockerfile)
        mounted = {
            volume.split(":")[1] for each in OURS.values() for volume in each.get("volumes", ())
        }
        assert mounted == set(made)

    def test_is_of_this_version(self):
        project = (ROOT / "pyproject.toml").read_text("utf-8")
        version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)[1]
        assert {each["image"] for each in OURS.values()} == {f"tallystick:{version}"}
