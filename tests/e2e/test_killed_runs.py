"""kill -9 of the command, and so of the providers in it, in the middle of up and destroy: the next run converges."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from typing import Any

import pytest

from tests.e2e.project import Project, get

pytestmark = [pytest.mark.engine, pytest.mark.docker]

#: How often `up`, and then `destroy`, is killed at the least.
KILLS = int(os.environ.get("ECS_STACK_TEST_KILLS", "1"))
#: Printed by a test that fails. The same seed kills at the same steps again.
SEED = int(os.environ.get("ECS_STACK_TEST_SEED") or random.randrange(10_000))
#: A run has about so many steps to be killed after; one that has fewer left ends by itself.
STEPS = 45
#: Seconds from a step to the kill, at most: most operations are under way as long.
PAUSE = 0.3
#: Kills in a row, each of the run that goes on after the last.
RUNS = 4


def run_or_kill(project: Project, verb: str, moments: random.Random) -> bool:
    """Runs ``verb dev`` and kills the command at a random moment. Whether it got to its end before that."""
    after, pause = moments.randint(1, STEPS), moments.uniform(0, PAUSE)
    process = subprocess.Popen(
        [str(project.command), verb, "dev", "--yes", "--wait"],
        cwd=project.root,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    steps = 0
    try:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line.rstrip())
            # Not the lines of the plan: they come all at once.
            steps += line.startswith("[") or line[:1].islower()
            if steps >= after:
                time.sleep(pause)
                break
        else:
            # The last destroy may have been killed when it had done everything.
            done = verb == "destroy" and "Error: There is no stack for dev" in "\n".join(lines)
            assert process.wait(60) == 0 or done, f"{verb} failed:\n" + "\n".join(lines)
            print(f"{verb}: ended after {steps} steps, before the kill after {after}")
            return True
        ended = process.poll() == 0
        print(f"{verb}: killed {pause:.3f} s after step {after}: {lines[-1]}")
        return ended
    finally:
        process.kill()
        process.communicate(timeout=10)


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


def unknown(project: Project) -> dict[str, set[str]]:
    """What is there and isn't in the state."""
    ids: set[str] = set()
    for resource in in_state(project):
        outputs = resource.get("outputs") or {}
        ids |= {str(each) for each in (resource.get("id"), outputs.get("arn"), outputs.get("securityGroupRuleId"))}
    return {kind: found - ids for kind, found in real(project).items() if found - ids}


def test_runs_go_on_after_each_kill_and_orphan_nothing(project: Project) -> None:
    print(f"ECS_STACK_TEST_SEED={SEED}")
    moments = random.Random(SEED)
    kills = dict.fromkeys(("up", "destroy"), 0)
    while min(kills.values()) < KILLS:
        for verb in kills:
            for _ in range(RUNS):
                if run_or_kill(project, verb, moments):
                    break
                kills[verb] += 1
            else:
                project.run(verb, "dev", "--yes", "--wait")
            (made if verb == "up" else gone)(project)
    print(kills)


def made(project: Project) -> None:
    """All is there, answers, is in the state, and nothing else is there."""
    assert get(project.run("status", "dev", "--json").json["services"][0]["url"])[0] == 200
    assert unknown(project) == {}
    assert "nothing to change" in project.run("preview", "dev", "--refresh").out


def gone(project: Project) -> None:
    """Nothing is there."""
    assert {name: ids for name, ids in real(project).items() if ids} == {}
    assert project.client("ecs").list_task_definitions()["taskDefinitionArns"] == []
    assert project.docker_objects()["containers"] == []
    assert project.run("list", "--json").json[0]["resources"] is None
