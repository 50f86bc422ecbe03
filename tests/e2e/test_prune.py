"""A prune among all kinds of environments: exactly the right ones go, and nothing of them is left."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project import Project, get
from tests.e2e.test_ephemeral import HOST, TEMPLATE, up_rules

pytestmark = [pytest.mark.engine, pytest.mark.docker]
PAST = "2020-01-01T00:00:00Z"
#: What goes, and why.
GOING = {
    "pr-1": "expired",
    "pr-5": "closed",
    "pr-6": "orphaned",
    "pr-7": "cut-short",
    "pr-8": "cut-short",
    "pr-9": "empty",
}
STAYING = {"pr-2": "protected", "demo": "pinned", "pr-4": "open"}


@pytest.fixture(scope="module")
def zoo(make_project: Callable[[Mapping[str, str]], Project]) -> Project:
    project = make_project({"dev": HOST, "preview": TEMPLATE})
    project.run("up", "dev", "--yes")
    made = {
        "pr-1": (),
        "pr-2": ("--protect",),
        "demo": ("--ttl", "none"),
        "pr-4": ("--branch", "feature/login"),
        "pr-5": (),
        "pr-6": (),
        "pr-8": (),
    }
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda each: up(project, each[0], *each[1]), made.items()))
    for name in ("pr-1", "pr-2"):
        expire(project, name)
    state(project, "pr-6").unlink()
    killed(project, "up", "pr-7", "--image", "api=ecs-stack-demo:1", after="created LogGroup")
    killed(project, "down", "pr-8", after="deleted Service")
    empty = {"version": 3, "checkpoint": {"stack": "organization/ecs-stack/pr-9", "latest": None}}
    state(project, "pr-9").write_text(json.dumps(empty))
    return project


def up(project: Project, name: str, *arguments: str) -> Any:
    return project.run("ephemeral", "up", name, "--image", "api=ecs-stack-demo:1", *arguments, "--json").json


def state(project: Project, name: str, of: str = "ecs-stack") -> Path:
    return project.root / f".ecs-stack/state/.pulumi/stacks/{of}/{name}.json"


def expire(project: Project, name: str) -> None:
    """Time has passed."""
    file = state(project, name)
    document = json.loads(file.read_text())
    text = file.read_text()
    for resource in document["checkpoint"]["latest"]["resources"]:
        if stamp := ((resource.get("inputs") or {}).get("tags") or {}).get("ecs-stack:expires"):
            text = text.replace(stamp, PAST)
    assert PAST in text
    file.write_text(text)


def killed(project: Project, verb: str, name: str, *arguments: str, after: str) -> None:
    """A run that ends at a line of its progress, as if by a power cut."""
    process = subprocess.Popen(
        [str(project.command), "ephemeral", verb, name, *arguments],
        cwd=project.root,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if after in line:
            break
    else:
        raise AssertionError(f"it never said {after}:\n{''.join(said)}")
    process.kill()
    process.communicate(timeout=10)


def foreign(project: Project) -> dict[str, str]:
    """What isn't ours: without our tags, or another project's, however it is called."""
    elb, iam, logs, ec2 = (project.client(name) for name in ("elbv2", "iam", "logs", "ec2"))
    others = {"ecs-stack:project": "other", "ecs-stack:environment": "pr-1", "ecs-stack:host": "dev"}
    tags = [{"Key": key, "Value": value} for key, value in others.items()]
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    rule = elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=24_000,
        Conditions=[{"Field": "path-pattern", "Values": ["/theirs"]}],
        Actions=answer,
    )["Rules"][0]["RuleArn"]
    logs.create_log_group(logGroupName="/ecs/pr-1/theirs")
    logs.create_log_group(logGroupName="/ecs/pr-5/others", tags=others)
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName="pr-1-api-theirs", AssumeRolePolicyDocument=document, Tags=tags)
    group = ec2.create_security_group(GroupName="pr-1-api", Description="theirs", VpcId=balancer["VpcId"])["GroupId"]
    return {"rule": rule, "group": group}


def stray(project: Project, name: str) -> str:
    """A rule with the tags of an environment that is alive, and that its state doesn't have."""
    elb = project.client("elbv2")
    (rule,) = [each for each in up_rules(project) if f"{name}.localhost" in str(each["Conditions"])]
    (described,) = elb.describe_tags(ResourceArns=[rule["RuleArn"]])["TagDescriptions"]
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    made = elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=23_000,
        Conditions=[{"Field": "path-pattern", "Values": ["/stray"]}],
        Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
        Tags=described["Tags"],
    )
    return str(made["Rules"][0]["RuleArn"])


def tagged(project: Project) -> dict[str, set[str]]:
    """The environments whose tags each kind of resource has, as the APIs tell; ``-`` for those without."""
    elb, iam, logs, ec2, ecs = (project.client(name) for name in ("elbv2", "iam", "logs", "ec2", "ecs"))

    def called(tags: list[dict[str, str]]) -> str:
        found = {each.get("Key") or each["key"]: each.get("Value") or each.get("value", "") for each in tags}
        project_, name = found.get("ecs-stack:project"), found.get("ecs-stack:environment", "-")
        return name if project_ in (None, "ecs-stack") else f"{name} of {project_}"

    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    rules = [each["RuleArn"] for each in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]]
    groups = [each["TargetGroupArn"] for each in elb.describe_target_groups()["TargetGroups"]]
    services = ecs.list_services(cluster="dev", maxResults=100)["serviceArns"]
    roles = [each["RoleName"] for each in iam.list_roles()["Roles"]]
    log_groups = [each["arn"].removesuffix(":*") for each in logs.describe_log_groups()["logGroups"]]
    pairs = [logs.list_tags_for_resource(resourceArn=arn)["tags"] for arn in log_groups]
    return {
        "rules": {called(elb.describe_tags(ResourceArns=[a])["TagDescriptions"][0]["Tags"]) for a in rules},
        "target groups": {called(elb.describe_tags(ResourceArns=[a])["TagDescriptions"][0]["Tags"]) for a in groups},
        "services": {called(ecs.list_tags_for_resource(resourceArn=arn)["tags"]) for arn in services},
        "roles": {called(iam.list_role_tags(RoleName=name)["Tags"]) for name in roles},
        "log groups": {called([{"Key": k, "Value": v} for k, v in tags.items()]) for tags in pairs},
        "security groups": {called(each.get("Tags", [])) for each in ec2.describe_security_groups()["SecurityGroups"]},
        "families": {
            each.rpartition("-")[0] for each in ecs.list_task_definition_families(status="ACTIVE")["families"]
        },
        "containers": {str(each.labels["ecs-stack.service"]) for each in project.containers()},
    }


def test_exactly_the_right_ones_go(zoo: Project) -> None:
    theirs = foreign(zoo)
    rule = stray(zoo, "pr-4")
    # Another project's stack in the same place, and one of ours that isn't ephemeral and whose file is gone.
    others = state(zoo, "pr-1", of="other")
    others.parent.mkdir(parents=True)
    others.write_text(state(zoo, "pr-1").read_text())
    state(zoo, "old").write_text(state(zoo, "dev").read_text())
    urls = {each["name"]: each["url"] for each in zoo.run("ephemeral", "list", "--json").json}
    before = tagged(zoo)
    assert before["services"] >= {"dev", *STAYING, "pr-1", "pr-5", "pr-6"}

    looked = zoo.run("ephemeral", "prune", "--keep-open", "pr-4,pr-9,7", "--json").json
    assert looked["dry_run"]
    assert tagged(zoo) == before
    assert {each["environment"]: each["ground"] for each in looked["going"] if each["environment"] != "pr-4"} == GOING
    assert {each["environment"]: each["reason"] for each in looked["staying"]} == STAYING
    assert {each["outcome"] for each in looked["going"]} == {"pending"}
    (strays,) = [each for each in looked["going"] if each["environment"] == "pr-4"]
    assert (strays["ground"], strays["resources"], strays["orphans"]) == ("orphaned", 0, [f"listener or rule {rule}"])

    receipt = zoo.run("ephemeral", "prune", "--yes", "--keep-open", "pr-4,pr-9,7", "--json").json
    assert {each["environment"]: each["ground"] for each in receipt["going"]} == {**GOING, "pr-4": "orphaned"}
    assert {each["outcome"] for each in receipt["going"]} == {"gone"}
    assert all(each["left"] == [] for each in receipt["absence"])
    deleted = {each["kind"]: each["deleted"] for each in receipt["absence"]}
    assert deleted["stack"] == 5
    assert deleted["service"] >= 3
    assert min(deleted[kind] for kind in ("listener or rule", "target group", "log group", "role or policy")) >= 4

    after = tagged(zoo)
    stay = {"dev", *STAYING}
    assert after["services"] == after["target groups"] == after["families"] == stay
    assert after["rules"] == {"-", *stay}
    assert after["roles"] == {*stay, "pr-1 of other"}
    assert after["log groups"] == {"-", *stay, "pr-1 of other"}
    assert after["security groups"] == {"-", *stay}
    assert after["containers"] == {"api", "web", *(f"{name}_api" for name in STAYING)}
    assert zoo.client("elbv2").describe_rules(RuleArns=[theirs["rule"]])["Rules"]
    assert zoo.client("ec2").describe_security_groups(GroupIds=[theirs["group"]])["SecurityGroups"]
    assert rule not in [each["RuleArn"] for each in up_rules(zoo)]
    assert {file.stem for file in state(zoo, "dev").parent.glob("*.json")} == {*stay, "old"}
    assert others.exists()
    for name in STAYING:
        assert get(urls[name])[1]["greeting"] == f"hello from {name}", name
    assert not [each for name in GOING for each in (zoo.root / ".ecs-stack/work").glob(name)]

    again = zoo.run("ephemeral", "prune", "--yes", "--keep-open", "pr-4")
    assert "There is nothing to prune." in again.out
    state(zoo, "old").unlink()


def test_a_forge_that_doesnt_answer_and_a_lock_close_nothing(zoo: Project) -> None:
    """What has expired goes all the same; the exit code says that not everything could be judged."""
    away = {"GITHUB_API_URL": "http://127.0.0.1:9", "GITHUB_TOKEN": "x"}
    prune = ("ephemeral", "prune", "--yes", "--keep-open", "github:acme/shop", "--json")
    failed = zoo.run(*prune, code=1, environment=away).json["error"]
    assert failed["kind"] == "PruneFailedError"
    assert "none counts as closed" in failed["problems"][0]
    assert failed["receipt"]["going"] == []
    assert {each["environment"] for each in failed["receipt"]["staying"]} == set(STAYING)
    assert "GITHUB_TOKEN is missing" in zoo.run(*prune, code=2, environment={"GITHUB_TOKEN": ""}).err

    expire(zoo, "pr-4")
    folder = zoo.root / ".ecs-stack/state/.pulumi/locks/organization/ecs-stack/pr-4"
    folder.mkdir(parents=True, exist_ok=True)
    lock = {"pid": 1, "username": "ci", "hostname": "runner-7", "timestamp": datetime.now(UTC).isoformat()}
    (folder / "held.json").write_text(json.dumps(lock))
    receipt = zoo.run("ephemeral", "prune", "--yes", "--json").json
    assert receipt["going"] == []
    (busy,) = [each for each in receipt["staying"] if each["reason"] == "busy"]
    assert busy["environment"] == "pr-4"
    assert "ci@runner-7" in busy["why"]

    (folder / "held.json").unlink()
    failed = zoo.run(*prune, code=1, environment=away).json["error"]
    assert {each["environment"]: each["outcome"] for each in failed["receipt"]["going"]} == {"pr-4": "gone"}
