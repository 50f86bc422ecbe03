"""Ephemeral environments on the local target: one host, twenty of them at once, and nothing left of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import CHECKOUT, Project, get

pytestmark = [pytest.mark.engine, pytest.mark.docker]
ENV = 'eval "$(ecs-stack local env)"'
TEMPLATE = (CHECKOUT / "envs" / "preview.yaml").read_text()
#: Beside the demo's service another, which has a host name of its own.
HOST = DEV.replace("    count: 2", "    count: 1") + (
    '  web: {image: "ecs-stack-demo:1", cpu: 256, memory: 512, port: 8080, health: {path: /health}, '
    "route: {host: web.localhost}}\n"
)


@pytest.fixture(scope="module")
def host(make_project: Callable[[Mapping[str, str]], Project]) -> Project:
    """A project whose environment dev is up."""
    project = make_project({"dev": HOST, "preview": TEMPLATE})
    project.run("up", "dev", "--yes")
    return project


@pytest.fixture
def untouched(host: Project) -> Iterator[None]:
    """After the test everything is as before: in the local cloud, in Docker, in Caddy's routes, in the state."""
    before = world(host)
    yield
    after = world(host)
    assert after.keys() == before.keys()
    for kind, things in before.items():
        assert after[kind] == things, kind


def world(project: Project) -> dict[str, Any]:
    """Everything that there is, as AWS, Docker and the disk say; without what moves by itself."""
    ec2, elb, ecs, iam, logs = (project.client(name) for name in ("ec2", "elbv2", "ecs", "iam", "logs"))
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    services = ecs.describe_services(cluster="dev", services=ecs.list_services(cluster="dev")["serviceArns"])[
        "services"
    ]
    state = project.root / ".ecs-stack"
    kept = ("serviceName", "status", "taskDefinition", "desiredCount", "runningCount", "networkConfiguration")
    return {
        "security groups": {g["GroupId"]: g for g in ec2.describe_security_groups()["SecurityGroups"]},
        "security group rules": {
            r["SecurityGroupRuleId"]: r for r in ec2.describe_security_group_rules()["SecurityGroupRules"]
        },
        "load balancer": balancer,
        "rules": {r["RuleArn"]: r for r in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]},
        # moto adds the load balancer once more for each rule that it makes.
        "target groups": {
            g["TargetGroupArn"]: {**g, "LoadBalancerArns": sorted(set(g["LoadBalancerArns"]))}
            for g in elb.describe_target_groups()["TargetGroups"]
        },
        "services": {s["serviceArn"]: {key: s[key] for key in kept} for s in services},
        "tasks": sorted(ecs.list_tasks(cluster="dev")["taskArns"]),
        "task definitions": ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"],
        "roles": sorted(role["RoleName"] for role in iam.list_roles()["Roles"]),
        "log groups": sorted(group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]),
        "docker": project.docker_objects(),
        "the host's state": (state / "state/.pulumi/stacks/ecs-stack/dev.json").read_text(),
        "files": sorted(
            str(file.relative_to(state))
            for folder in ("state", "stacks", "work")
            for file in (state / folder).rglob("*")
            if file.is_file() and not {"locks", "history", "backups"} & set(file.parts)
        ),
    }


def up(project: Project, name: str, *arguments: str) -> Any:
    return project.run("ephemeral", "up", name, *arguments, "--json").json


def addresses(project: Project) -> dict[str, str]:
    """Where the host's services answer."""
    return {each["name"]: each["url"] for each in project.run("status", "dev", "--json").json["services"]}


@pytest.mark.usefixtures("untouched")
def test_a_pull_request_from_open_to_close(host: Project) -> None:
    before = json.dumps(up_rules(host), sort_keys=True)
    made = up(host, "pr-42", "--image", "api=ecs-stack-demo:2", "--set", "services.api.environment.GREETING=1")
    assert (made["host"], made["borrowed"]) == ("dev", ["web"])
    assert made["url"].startswith("http://pr-42.localhost:")
    # Its one task, and nothing of the host's.
    assert made["cost"] == host.run("cost", "pr-42", "--json").json["total"]
    assert 0 < made["cost"]["per_day"] < host.run("cost", "dev", "--json").json["total"]["per_day"]
    status, answer = get(made["url"])
    assert (status, answer["version"], answer["greeting"]) == (200, "2", "1")
    assert get(addresses(host)["api"])[1]["version"] == "1"

    # Requests for a borrowed service reach the host's containers.
    hosts = addresses(host)
    assert made["urls"]["web"].startswith("http://pr-42--web.localhost:")
    assert get(made["urls"]["web"])[1]["task"] == get(hosts["web"])[1]["task"]
    assert get(made["urls"]["api"])[1]["task"] != get(hosts["api"])[1]["task"]

    # A host's up, and its refresh, see nothing of it; plain pulumi finds it as it is; the host stays.
    host.run("preview", "dev", "--refresh", "--exit-code")
    host.run("up", "dev", "--yes", "--refresh")
    host.add_program()
    host.shell(f"{ENV}; pulumi preview --stack pr-42 --expect-no-changes")

    # A push: in place, at the same address, with the same rules; what isn't said again is forgotten.
    rules = up_rules(host)
    pushed = up(host, "pr-42", "--image", "api=ecs-stack-demo:1")
    assert pushed["url"] == made["url"]
    assert get(pushed["url"])[1]["version"] == "1"
    assert get(pushed["url"])[1]["greeting"] == "hello from pr-42"
    assert up_rules(host) == rules
    assert pushed["created"] == made["created"]
    assert pushed["expires"] > made["expires"]

    (listed,) = host.run("ephemeral", "list", "--json").json
    assert (listed["name"], listed["host"], listed["url"], listed["health"]) == ("pr-42", "dev", made["url"], "ready")
    assert listed["expires"] == pushed["expires"]

    pinned = host.run("ephemeral", "extend", "pr-42", "--ttl", "none", "--json").json
    assert pinned["expires"] is None
    assert tags_of(host, "pr-42")["ecs-stack:expires"] == "never"
    assert up(host, "pr-42")["expires"] is None
    extended = host.run("ephemeral", "extend", "pr-42", "--ttl", "7d", "--json").json
    stamp = tags_of(host, "pr-42")["ecs-stack:expires"]
    assert stamp == extended["expires"].replace("+00:00", "Z")
    assert stamp == host.run("outputs", "pr-42", "--json").json["ephemeral"]["expires"]

    host.run("ephemeral", "down", "pr-42")
    assert get(made["url"])[1]["version"] == "1"  # the host's any-host rule answers
    assert json.dumps(up_rules(host), sort_keys=True) == before
    assert host.run("ephemeral", "list", "--json").json == []
    host.run("ephemeral", "down", "pr-42", code=2)


@pytest.mark.usefixtures("untouched")
def test_the_other_service_changes_and_the_first_is_borrowed(host: Project) -> None:
    host.write("preview", "host: dev\n")
    try:
        made = up(host, "pr-43", "--image", "web=ecs-stack-demo:2")
        hosts = addresses(host)
        assert made["borrowed"] == ["api"]
        assert get(made["url"])[1]["task"] == get(hosts["api"])[1]["task"]
        assert get(made["urls"]["web"])[1]["version"] == "2"
        assert get(hosts["web"])[1]["version"] == "1"
        assert host.containers(service="pr-43_web")
        assert not host.containers(service="pr-43_api")
        host.run("ephemeral", "down", "pr-43")
    finally:
        host.write("preview", TEMPLATE)


@pytest.mark.usefixtures("untouched")
def test_twenty_at_once_from_twenty_processes(host: Project) -> None:
    names = [f"pr-{number}" for number in range(1, 21)]
    started = [start(host, name, "--set", f"services.api.environment.GREETING={name}") for name in names]
    receipts = {name: finished(process) for name, process in zip(names, started, strict=True)}
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(names, pool.map(lambda name: get(receipts[name]["url"]), names), strict=True))
    assert {name: answer[1]["greeting"] for name, answer in answers.items()} == {name: name for name in names}
    assert len({answer[1]["task"] for answer in answers.values()}) == 20
    assert get(addresses(host)["api"])[1]["greeting"] == "hello"
    priorities = [rule["Priority"] for rule in up_rules(host)]
    assert len(priorities) == len(set(priorities)) == 40
    assert [each["name"] for each in host.run("ephemeral", "list", "--json").json] == sorted(names)

    going = [start_(host, "down", name) for name in names]
    for process in going:
        finished(process)


def test_a_host_takes_them_along_if_it_is_told_to(host: Project) -> None:
    """The end of the host: the last test."""
    up(host, "pr-1")
    refused = host.run("destroy", "dev", "--yes", code=2)
    assert "Ephemeral environments stand on dev: pr-1" in refused.err
    # Nor does it take anything from below them.
    file = host.root / "envs/dev.yaml"
    text = file.read_text()
    head = text.partition("services:")[0]
    file.write_text(f'{head}services: {{api: {{image: "ecs-stack-demo:1", cpu: 256, memory: 512}}}}\n')
    refused = host.run("up", "dev", "--yes", code=2)
    assert "dev-lb-tasks" in refused.err
    assert "which ephemeral environments use: pr-1" in refused.err
    file.write_text(text)
    host.run("destroy", "dev", "--yes", "--with-ephemeral")
    assert host.docker_objects()["containers"] == []
    assert host.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert host.run("list", "--json").json[0]["resources"] is None


def up_rules(project: Project) -> list[Any]:
    """The rules of ephemeral environments on the listener, by priority."""
    elb = project.client("elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    found = [rule for rule in rules if rule["Priority"] != "default" and int(rule["Priority"]) <= 25_000]
    return sorted(found, key=lambda rule: int(rule["Priority"]))


def tags_of(project: Project, name: str) -> dict[str, str]:
    described = project.client("ecs").describe_services(cluster="dev", services=[f"{name}_api"], include=["TAGS"])
    return {tag["key"]: tag["value"] for tag in described["services"][0]["tags"]}


def start(project: Project, name: str, *arguments: str) -> subprocess.Popen[str]:
    return start_(project, "up", name, *arguments)


def start_(project: Project, verb: str, name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(project.command), "ephemeral", verb, name, *arguments, "--json"],
        cwd=project.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, f"{process.args}\n{out}\n{err}"
    return json.loads(out)
