"""What helm renders of the chart starts this product, and Kubernetes knows all of it.

Read from recordings (`make helm`), which are of this chart; where helm has been built, it renders
again.
"""

import json
from copy import deepcopy

import jsonschema_rs
import pytest
import yaml

from tests.architecture.house import ROOT
from tests.deploy import helm, kubernetes
from tests.deploy.chart import (
    CASES,
    CHART,
    REFUSED,
    documents,
    first_line,
    merged,
    name_of,
    recorded,
    values_of,
)
from tests.deploy.processes import Process, is_of_the_product, powers_are_apart

DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
SCHEMA = jsonschema_rs.validator_for(json.loads((CHART / "values.schema.json").read_text("utf-8")))
RENDERED = {case: documents(recorded(case)) for case in CASES}
SECRETS_AT = "/run/secrets"

each_case = pytest.mark.parametrize("case", CASES)


def pods_of(case):
    """Name and pod of each Deployment, StatefulSet, Job and CronJob."""
    for each in RENDERED[case]:
        spec = each.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template is not None:
            yield each["metadata"]["name"], template


def named(case, kind):
    return {each["metadata"]["name"]: each for each in RENDERED[case] if each["kind"] == kind}


def process(name, pod, secret):
    (container,) = pod["spec"]["containers"]
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    mounted = volumes["secrets"]["secret"]
    assert mounted["secretName"] == secret
    return Process(
        name=name,
        command=tuple(container["args"]),
        environment={each["name"]: each["value"] for each in container["env"]},
        secrets={f"{SECRETS_AT}/{each['path']}": each["key"] for each in mounted["items"]},
    )


def processes_of(case):
    secret = merged(DEFAULTS, values_of(case))["secrets"]["name"]
    return {name: process(name, pod, secret) for name, pod in pods_of(case)}


@each_case
def test_a_recording_is_of_this_chart(case):
    assert recorded(case).partition("\n")[0] == first_line(case), "run make helm"


if helm.is_built():

    @each_case
    def test_helm_renders_what_was_recorded(case):
        assert documents(helm.template(CASES[case]).stdout) == RENDERED[case]


@each_case
def test_kubernetes_knows_every_field(case):
    assert kubernetes.complaints(recorded(case)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda each: each["spec"].update(replicas="two"),
        lambda each: each["spec"].update(replica=2),
        lambda each: each["spec"]["template"]["spec"]["containers"][0].pop("name"),
        lambda each: each.update(kind="Deploymnt"),
        lambda each: each.update(apiVersion="apps/v1beta1"),
    ],
)
def test_what_kubernetes_does_not_know_would_be_noticed(change):
    broken = deepcopy(named("least", "Deployment")["tallystick-serve"])
    change(broken)
    complaints = kubernetes.complaints(yaml.safe_dump(broken))
    assert len(complaints) == len(kubernetes.VERSIONS)


@each_case
def test_values_are_let_in(case):
    assert SCHEMA.is_valid(merged(DEFAULTS, values_of(case)))


@pytest.mark.parametrize(("change", "place"), REFUSED, ids=[name_of(each) for each, _ in REFUSED])
def test_values_that_are_not_possible_are_refused(change, place):
    values = merged(merged(DEFAULTS, values_of("least")), change)
    places = {
        "/".join(str(part) for part in error.instance_path) for error in SCHEMA.iter_errors(values)
    }
    assert places == {place}


def test_without_values_nothing_is_installed():
    assert not SCHEMA.is_valid(DEFAULTS)


@each_case
def test_a_process_reads_what_it_is_given(case, tmp_path):
    configuration = tmp_path / "mounted.toml"
    (read,) = named(case, "ConfigMap").values()
    configuration.write_text(read["data"]["tallystick.toml"])
    for each in processes_of(case).values():
        assert is_of_the_product(each, tmp_path, configuration).environment == "production"


@each_case
def test_powers_are_apart(case):
    found = processes_of(case)
    if case == "kms":
        found = {name: each for name, each in found.items() if each.command != ("work",)}
        assert not any("VAULT" in name for each in found.values() for name in each.environment)
    powers_are_apart(found)


def test_every_process_is_there():
    assert {each.command for each in processes_of("everything").values()} == {
        ("serve",), ("work",), ("seal",), ("migrate",), ("verify", "ledger"), ("verify", "audit"),
        ("audit", "archive", "--drop", "--delete"),
    }  # fmt: skip
    left_out = processes_of("everything").keys() - processes_of("kms").keys()
    assert left_out == {"tallystick-seal", "tallystick-archive"}


@each_case
def test_nothing_has_root_or_a_root_file_system_to_write_on(case):
    for name, pod in pods_of(case):
        spec = pod["spec"]
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["automountServiceAccountToken"] is False, name
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert "memory" in container["resources"].get("limits", container["resources"]["requests"])


@each_case
def test_what_is_named_is_there(case):
    """Volumes that are mounted, ports, service accounts, the configuration."""
    for name, pod in pods_of(case):
        spec = pod["spec"]
        (container,) = spec["containers"]
        volumes = {each["name"] for each in spec["volumes"]}
        claimed = named(case, "StatefulSet").get(name, {"spec": {}})["spec"]
        volumes |= {each["metadata"]["name"] for each in claimed.get("volumeClaimTemplates", ())}
        assert {each["name"] for each in container["volumeMounts"]} == volumes, name
        assert spec["serviceAccountName"] in named(case, "ServiceAccount"), name
        (configuration,) = (each for each in spec["volumes"] if "configMap" in each)
        assert configuration["configMap"]["name"] in named(case, "ConfigMap")
        ports = {each["name"]: each["containerPort"] for each in container.get("ports", ())}
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            if probe in container:
                assert container[probe]["httpGet"]["port"] in ports, (name, probe)
        environment = {each["name"]: each["value"] for each in container["env"]}
        if "metrics" in ports:
            assert environment["TALLYSTICK_METRICS_LISTEN"] == f"0.0.0.0:{ports['metrics']}"
        if "http" in ports:
            assert environment["TALLYSTICK_HTTP_PORT"] == str(ports["http"])


@each_case
def test_selectors_find_the_pods_that_they_are_for(case):
    pods = {name: pod["metadata"]["labels"] for name, pod in pods_of(case)}

    def found(labels):
        return {name for name, own in pods.items() if labels.items() <= own.items()}

    for kind in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
        for name, each in named(case, kind).items():
            assert found(each["spec"]["selector"]["matchLabels"]) == {name}, (kind, name)
    services = named(case, "Service")
    assert found(services["tallystick"]["spec"]["selector"]) == {"tallystick-serve"}
    for each in named(case, "ServiceMonitor").values():
        wanted = each["spec"]["selector"]["matchLabels"].items()
        (service,) = (
            one for one in services.values() if wanted <= one["metadata"]["labels"].items()
        )
        asked = found(service["spec"]["selector"])
        assert asked >= {"tallystick-serve", "tallystick-work", "tallystick-seal"}
        (port,) = service["spec"]["ports"]
        assert port["name"] == each["spec"]["endpoints"][0]["port"]


def test_only_those_who_sign_have_the_custodians_account():
    accounts = named("kms", "ServiceAccount")
    assert "eks.amazonaws.com/role-arn" in accounts["tallystick-keys"]["metadata"]["annotations"]
    assert (
        "eks.amazonaws.com/role-arn" not in accounts["tallystick-plain"]["metadata"]["annotations"]
    )
    those = {
        name
        for name, pod in pods_of("kms")
        if pod["spec"]["serviceAccountName"] == "tallystick-keys"
    }
    assert those == {"tallystick-work"}


def test_the_program_of_the_recordings_is_pinned():
    assert f"`.cache/helm` | helm {helm.VERSION}" in (ROOT / "README.md").read_text("utf-8")
