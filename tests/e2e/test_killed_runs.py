"""kill -9 of the command, and so of the providers in it, in the middle of up and destroy: the next run converges."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project import Project, get

pytestmark = [pytest.mark.engine, pytest.mark.docker]

#: How many resources were made, or deleted, when the command is killed.
UP = (9, 31)
DESTROY = (8,)
SEED = 4


def kill(project: Project, verb: str, after: int, pause: float) -> list[str]:
    """Runs ``verb dev`` and kills the command ``pause`` seconds after it has done ``after`` resources."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("ecs-stack")), verb, "dev", "--yes", "--wait"],
        cwd=project.root,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    done = 0
    try:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line.rstrip())
            done += " created " in line or (
                verb == "destroy" and line.startswith(("[", "deleted")) and "deleted " in line
            )
            if done >= after:
                time.sleep(pause)
                break
        else:
            pytest.fail(f"{verb} ended before it was killed:\n" + "\n".join(lines))
    finally:
        process.kill()
        process.wait(10)
    return lines


def real(project: Project) -> dict[str, set[str]]:
    """Everything of the environment that the APIs tell of, by type."""
    tags = [{"Name": "tag:ecs-stack:environment", "Values": ["dev"]}]
    ec2, elb, ecs = project.client("ec2"), project.client("elbv2"), project.client("ecs")
    found: dict[str, set[str]] = {}
    for operation, key, name in (
        ("vpcs", "Vpcs", "VpcId"),
        ("subnets", "Subnets", "SubnetId"),
        ("route_tables", "RouteTables", "RouteTableId"),
        ("internet_gateways", "InternetGateways", "InternetGatewayId"),
        ("addresses", "Addresses", "AllocationId"),
        ("security_groups", "SecurityGroups", "GroupId"),
        ("security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId"),
    ):
        found[key] = {item[name] for item in getattr(ec2, f"describe_{operation}")(Filters=tags)[key]}
    gateways = ec2.describe_nat_gateways(Filters=tags)["NatGateways"]
    found["NatGateways"] = {each["NatGatewayId"] for each in gateways if each["State"] != "deleted"}
    found["LoadBalancers"] = {each["LoadBalancerArn"] for each in elb.describe_load_balancers()["LoadBalancers"]}
    found["TargetGroups"] = {each["TargetGroupArn"] for each in elb.describe_target_groups()["TargetGroups"]}
    found["logGroups"] = {each["logGroupName"] for each in project.client("logs").describe_log_groups()["logGroups"]}
    roles = project.client("iam").list_roles()["Roles"]
    found["Roles"] = {each["RoleName"] for each in roles if each["RoleName"].startswith("dev-")}
    clusters = ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"])["clusters"]
    found["Clusters"] = {each["clusterArn"] for each in clusters if each["status"] == "ACTIVE"}
    return found


def in_state(project: Project) -> list[dict[str, Any]]:
    file = project.root / ".ecs-stack/state/.pulumi/stacks/ecs-stack/dev.json"
    latest = json.loads(file.read_text())["checkpoint"]["latest"]
    assert not latest.get("pending_operations")
    return list(latest["resources"])


@pytest.fixture(scope="module")
def moments() -> random.Random:
    return random.Random(SEED)


def test_up_goes_on_after_each_kill_and_orphans_nothing(project: Project, moments: random.Random) -> None:
    for after in UP:
        kill(project, "up", after, moments.uniform(0, 0.3))
        if after != UP[-1]:
            # The next one begins from nothing, so that it has something to be killed in.
            project.run("destroy", "dev", "--yes", "--wait")
            assert {name: ids for name, ids in real(project).items() if ids} == {}
            assert project.containers(all=True) == []
    up = project.run("up", "dev", "--yes", "--wait")
    url = project.run("status", "dev", "--json").json["services"][0]["url"]
    assert get(url)[0] == 200, up.out
    known = {str(resource.get("id")) for resource in in_state(project)}
    known |= {str((resource.get("outputs") or {}).get("securityGroupRuleId")) for resource in in_state(project)}
    known |= {str((resource.get("outputs") or {}).get("arn")) for resource in in_state(project)}
    assert {name: ids - known for name, ids in real(project).items() if ids - known} == {}
    assert "nothing to change" in project.run("preview", "dev", "--refresh").out


def test_destroy_goes_on_after_each_kill_and_leaves_nothing(project: Project, moments: random.Random) -> None:
    for after in DESTROY:
        kill(project, "destroy", after, moments.uniform(0, 0.3))
    project.run("destroy", "dev", "--yes", "--wait")
    assert {name: ids for name, ids in real(project).items() if ids} == {}
    assert project.client("ecs").list_task_definitions()["taskDefinitionArns"] == []
    assert project.docker_objects()["containers"] == []
    assert project.run("list", "--json").json[0]["resources"] is None
