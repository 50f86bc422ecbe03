"""The pipelines' shell steps for real: a pull request from open to close, on each forge, on the local target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import botocore.session
import pytest

from tests.ci.forge import Forge, served
from tests.ci.runs import Pipeline
from tests.e2e.project import Project, get
from tests.e2e.test_faults import spoilt
from tests.faults import Fault, Faults

pytestmark = [pytest.mark.engine, pytest.mark.docker]

#: As it is on AWS: the pipelines are written for that, and run here.
AWS = """
target: aws
account: "123456789012"
region: eu-west-1
state: {backend: s3://acme-state, secrets: awskms://alias/acme-state}
"""
LOCAL = """
target: local
region: eu-west-1
"""
HOST = """
network: {cidr: 10.20.0.0/16, zones: 2, nat: single}
load_balancer: {domain: shop.localhost, zone: shop.localhost}
hosts_ephemeral: true
ci: {FORGE: WHERE}
services:
  api:
    image: IMAGE
    cpu: 256
    memory: 512
    port: 8080
    health: {path: /health}
    environment: {GREETING: hello}
    permissions: [{actions: ["s3:GetObject"], resources: ["arn:aws:s3:::assets/*"]}]
    route: {path: "/*"}
"""
WHERE = {"github": "acme/shop", "gitlab": "acme/shop", "jenkins": "https://jenkins.example.com/job/shop"}
#: What a team's own script does: an image for each commit.
IMAGES = """#!/bin/sh
case $1 in
  one*) echo "--image api=ecs-stack-demo:1" ;;
  two*) echo "--image api=ecs-stack-demo:2" ;;
  broken*) echo "--image api=ecs-stack-demo:there-is-none" ;;
  *) echo "no Dockerfile" >&2; exit 1 ;;
esac
"""


class Calls(Faults):
    """Spoils nothing, and knows which operations there were: ``ecs:CreateService``."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.made: set[str] = set()

    def next(self, operation: str) -> Fault | None:
        service, _, called = operation.partition(".")
        self.made.add(f"{service}:{route53_operation(called) if service == 'route53' else called}")
        return super().next(operation)


def route53_operation(request: str) -> str:
    """The name of ``GET /2013-04-01/hostedzone``, by botocore's description: this API has no names in its requests."""
    method, path = request.split(" ")
    described = botocore.session.Session().get_service_model("route53")
    for name in described.operation_names:
        http = described.operation_model(name).http
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(http["requestUri"]))
        if http["method"] == method and re.fullmatch(f"{pattern}/?", path):
            return str(name)
    raise AssertionError(f"no operation of Route 53: {request}")


NIGHT = {"schedule": "17 3 * * *"}


def text(target: str, forge: str, image: str) -> str:
    return target + HOST.replace("FORGE", forge).replace("WHERE", WHERE[forge]).replace("IMAGE", image)


@pytest.fixture(scope="module")
def calls() -> Calls:
    """Those of the host's first up."""
    return Calls()


@pytest.fixture(scope="module")
def project(make_project: Callable[[Mapping[str, str]], Project], calls: Calls) -> Project:
    """The host is up, with the roles of pipelines, and the files of all forges are there."""
    project = make_project({"dev": "", "preview": "host: dev\n"})
    (project.root / "requirements.txt").write_text("ecs-stack\n")
    registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:1"
    for forge in WHERE:
        project.write("dev", text(AWS, forge, registry))
        project.run("ci", forge)
    (project.root / "ci/images").write_text(IMAGES)
    (project.root / ".venv").mkdir()
    (project.root / ".venv/bin").symlink_to(project.command.parent)
    project.write("dev", text(LOCAL, "github", "ecs-stack-demo:1"))
    project.run("local", "start")
    project.client("route53").create_hosted_zone(Name="shop.localhost", CallerReference="1")
    with spoilt(project, calls):
        project.run("up", "dev", "--yes")
    return project


@pytest.fixture
def forge() -> Iterator[Forge]:
    with served(Forge()) as running:
        yield running


@pytest.fixture
def pipeline(project: Project, forge: Forge) -> Pipeline:
    return Pipeline(project.root, project.command.parent, forge)


def forbidden(project: Project, role: str, calls: Calls) -> set[str]:
    """The calls that a role may not make, as far as its policies name actions."""
    iam, granted = project.client("iam"), []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        granted.append(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
        granted.append(found["PolicyVersion"]["Document"])
    actions = {action for each in granted for one in each["Statement"] for action in one["Action"]}
    # Whoever is signed in may ask who they are.
    asked = calls.made - {"sts:GetCallerIdentity"}
    return {call for call in asked if not any(fnmatchcase(call, action) for action in actions)}


@contextmanager
def allowed(project: Project, role: str, call: str) -> Iterator[None]:
    """Every call to AWS in the block is one that a role may make; ``call`` is one of them."""
    calls = Calls()
    with spoilt(project, calls):
        yield
    assert call in calls.made
    assert forbidden(project, role, calls) == set()


def answer(project: Project, url: str) -> tuple[int, Any]:
    """By HTTPS: there is a certificate for whatever is one label below the host's domain."""
    assert url.startswith("https://")
    return get(url, authority=project.authority)


def event(action: str, sha: str) -> dict[str, Any]:
    pull = {
        "number": 42,
        "head": {"sha": sha, "repo": {"full_name": "acme/shop"}},
        "base": {"ref": "main"},
        "user": {"login": "octocat"},
    }
    return {"action": action, "pull_request": pull, "repository": {"full_name": "acme/shop"}}


def previews(project: Project) -> list[str]:
    return [each["name"] for each in project.run("ephemeral", "list", "--json").json]


def test_a_pull_request_on_github(project: Project, pipeline: Pipeline, forge: Forge) -> None:
    host = project.run("status", "dev", "--json").json["services"][0]["url"]
    remark = forge.add("somebody", "Looks good!")

    with allowed(project, "ecs-stack-dev-preview", "ecs:CreateService"):
        assert pipeline.github("preview", "up", event("opened", "one1")), pipeline.log
    (comment,) = forge.ours
    (listed,) = project.run("ephemeral", "list", "--json").json
    assert (listed["name"], listed["owner"]) == ("pr-42", "octocat")
    assert f"**{listed['url']}**" in comment
    assert "| api | pr-42-api:1 | deployed |" in comment
    assert "Costs $0.30 a day on AWS" in comment
    assert answer(project, listed["url"])[1]["version"] == "1"
    bounded(project)

    with allowed(project, "ecs-stack-dev-preview", "ecs:UpdateService"):
        assert pipeline.github("preview", "up", event("synchronize", "two2")), pipeline.log
    assert answer(project, listed["url"])[1]["version"] == "2"
    assert answer(project, host)[1]["version"] == "1"
    (pushed,) = forge.ours
    assert "| api | pr-42-api:2 | deployed |" in pushed

    # What fails turns the job red, says so in the same comment, and leaves the preview as it is.
    assert not pipeline.github("preview", "up", event("synchronize", "broken3"))
    (failed,) = forge.ours
    assert failed.startswith("<!-- ecs-stack ecs-stack pr-42 -->\n### Preview `pr-42` failed")
    assert "ecs-stack-demo:there-is-none" in failed
    assert not pipeline.github("preview", "up", event("synchronize", "no4"))
    (unbuilt,) = forge.ours
    assert "wasn't made" in unbuilt
    assert answer(project, listed["url"])[1]["version"] == "2"

    with allowed(project, "ecs-stack-dev-preview", "ecs:DeleteService"):
        assert pipeline.github("preview", "down", event("closed", "two2")), pipeline.log
    (gone,) = forge.ours
    assert "### Preview `pr-42` is gone" in gone
    assert previews(project) == []
    assert pipeline.github("preview", "down", event("closed", "two2")), "there was none: no failure"
    assert forge.comments[remark] == ("somebody", "Looks good!")


def bounded(project: Project) -> None:
    """The preview's roles are those that the pipeline may make on AWS, and no others."""
    iam = project.client("iam")
    roles = {role["RoleName"]: role for role in iam.list_roles()["Roles"]}
    assert {"ecs-stack-dev-deploy", "ecs-stack-dev-preview"} <= roles.keys()
    made = {name: role["Path"] for name, role in roles.items() if name.startswith("pr-42-")}
    assert set(made.values()) == {"/ecs-stack/ecs-stack/previews/pr-42/"}
    boundary = project.run("outputs", "dev", "--json").json["pipelines"]["boundary_arn"]
    for name in made:
        found = iam.get_role(RoleName=name)["Role"]
        assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary


#: Whom pipelines trust, and within which bounds: they can't change that themselves. Nor can they whose names these are.
PERSONS = {
    "acm:RequestCertificate",
    "route53:ChangeResourceRecordSets",
    "route53:GetChange",
    "iam:AttachRolePolicy",
    "iam:CreateOpenIDConnectProvider",
    "iam:CreatePolicy",
    "iam:GetOpenIDConnectProvider",
}


def test_the_first_up_takes_a_person_for_the_roles_and_the_domain_alone(project: Project, calls: Calls) -> None:
    """All else that an environment consists of its pipelines could make, too."""
    assert {"ec2:CreateVpc", "elasticloadbalancing:CreateLoadBalancer", "ecs:CreateCluster"} <= calls.made
    assert forbidden(project, "ecs-stack-dev-deploy", calls) == PERSONS


def test_what_is_merged_is_deployed(project: Project, pipeline: Pipeline) -> None:
    jobs: dict[str, Callable[[], bool]] = {
        "github": lambda: pipeline.github("deploy", "dev", {"ref": "refs/heads/main"}),
        "gitlab": lambda: pipeline.gitlab("deploy:dev"),
        "jenkins": lambda: pipeline.jenkins("Deploy dev"),
    }
    file = project.root / "envs/dev.yaml"
    for name, job in jobs.items():
        file.write_text(re.sub(r"GREETING: \w+", f"GREETING: {name}", file.read_text()))
        with allowed(project, "ecs-stack-dev-deploy", "ecs:UpdateService"):
            assert job(), pipeline.log
        url = project.run("status", "dev", "--json").json["services"][0]["url"]
        assert answer(project, url)[1]["greeting"] == name


def prunes_what_is_closed(
    project: Project, pipeline: Pipeline, forge: Forge, name: str, prune: Callable[[], bool]
) -> None:
    """The last part of each forge's story, with an environment that has been made."""
    forge.open = [7, 42]
    assert prune(), pipeline.log
    assert previews(project) == [name]
    forge.open = []
    with allowed(project, "ecs-stack-dev-preview", "ecs:DeleteService"):
        assert prune(), pipeline.log
    assert previews(project) == []


def test_a_merge_request_on_gitlab(project: Project, pipeline: Pipeline, forge: Forge) -> None:
    forge.me = "project-bot"
    assert pipeline.gitlab("preview", CI_COMMIT_SHA="one1"), pipeline.log
    (listed,) = project.run("ephemeral", "list", "--json").json
    assert (listed["name"], listed["owner"]) == ("mr-42", "tanuki")
    assert answer(project, listed["url"])[1]["version"] == "1"
    assert not pipeline.gitlab("preview", CI_COMMIT_SHA="no2")
    assert "wasn't made" in forge.ours[0]
    assert pipeline.gitlab("preview:down"), pipeline.log
    (comment,) = forge.ours
    assert "### Preview `mr-42` is gone" in comment
    assert previews(project) == []


def test_the_nightly_prune_on_gitlab(project: Project, pipeline: Pipeline, forge: Forge) -> None:
    assert pipeline.gitlab("preview", CI_COMMIT_SHA="one1"), pipeline.log
    prunes_what_is_closed(project, pipeline, forge, "mr-42", lambda: pipeline.gitlab("preview:prune"))


def test_a_pull_request_before_jenkins(project: Project, pipeline: Pipeline, forge: Forge) -> None:
    assert pipeline.jenkins("Preview", GIT_COMMIT="two2"), pipeline.log
    (listed,) = project.run("ephemeral", "list", "--json").json
    assert (listed["name"], listed["owner"]) == ("pr-42", "butler")
    assert answer(project, listed["url"])[1]["version"] == "2"
    (comment,) = forge.ours
    assert f"**{listed['url']}**" in comment
    assert not pipeline.jenkins("Preview", GIT_COMMIT="no3")
    assert "wasn't made" in forge.ours[0], "nothing that an earlier build left"

    # Jenkins runs nothing when a pull request is closed: what isn't open any more is pruned.
    prunes_what_is_closed(project, pipeline, forge, "pr-42", lambda: pipeline.jenkins("Prune previews"))


def test_the_nightly_prune_on_github(project: Project, pipeline: Pipeline, forge: Forge) -> None:
    assert pipeline.github("preview", "up", event("opened", "one1")), pipeline.log
    forge.open, forge.failures = [7, 42], [500, 500, 500]
    assert not pipeline.github("prune", "prune", NIGHT), "nobody knows what is open"
    assert previews(project) == ["pr-42"]
    prunes_what_is_closed(project, pipeline, forge, "pr-42", lambda: pipeline.github("prune", "prune", NIGHT))
    assert answer(project, project.run("status", "dev", "--json").json["services"][0]["url"])[0] == 200
