"""Ephemeral environments with a fake engine and a fake target below: what is asked for, kept, and refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ecs_stack import ephemeral_runs, hosting, locate, runs, standing, targets
from ecs_stack.automation import engine
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.engine import Engine
from ecs_stack.automation.stacks import Update
from ecs_stack.commands.main import main
from ecs_stack.ephemeral import Ephemeral
from ecs_stack.ephemeral_list import list_ephemeral
from ecs_stack.errors import NotFoundError, RefusedError, UpdateFailedError
from ecs_stack.operations import describe, listener, rollout, task_definitions
from ecs_stack.operations.listener import Listener
from ecs_stack.outputs import EXPORT, EphemeralOutputs, LoadBalancerOutputs, ServiceOutputs, StackOutputs
from ecs_stack.results import ChangeKind, ChangeSummary, Preview, ResourceChange
from ecs_stack.rules import ephemeral as rules

DEV = """
target: local
region: eu-west-1
hosts_ephemeral: true
services:
  api: {image: "demo:1", cpu: 256, memory: 512, port: 8080, route: {path: "/*"}}
  web: {image: "demo:1", cpu: 256, memory: 512, port: 8080, route: {path: "/web/*"}}
"""
ARN = "arn:aws:ecs:eu-west-1:000000000000"


def service(environment: str, name: str, path: str) -> ServiceOutputs:
    return ServiceOutputs(
        name=name,
        service_name=name if environment == "dev" else f"{environment}_{name}",
        service_arn=f"{ARN}:service/dev/{name}",
        task_definition_arn=f"{ARN}:task-definition/{environment}-{name}:1",
        container_name=name,
        image="demo:1",
        log_group=f"/ecs/{environment}/{name}",
        target_group_arn=f"arn:tg-{name}",
        path=path,
    )


HOST = StackOutputs(
    environment="dev",
    region="eu-west-1",
    vpc_id="vpc-1",
    cluster_name="dev",
    cluster_arn=f"{ARN}:cluster/dev",
    private_subnet_ids=("subnet-1",),
    capacity={"FARGATE": 1},
    load_balancer=LoadBalancerOutputs(
        arn="lb",
        dns_name="lb.example",
        listener_arn="listener",
        listener_port=80,
        security_group_id="sg-lb",
        tasks_security_group_id="sg-tasks",
    ),
    services={"api": service("dev", "api", "/*"), "web": service("dev", "web", "/web/*")},
)


class World:
    """States as the backend has them, by stack, and what the load balancer has beside them; accounts out of reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[str] = []
        self.made: list[EphemeralOutputs] = []
        self.on_listener: dict[int, str] = {}
        self.failures: list[Exception] = []
        self.foreign: set[str] = set()
        folder.mkdir(parents=True)

    def keep(self, name: str, outputs: StackOutputs | None, *resources: Mapping[str, Any]) -> None:
        """A state with these outputs; a second for the whole of it, as the engine writes it."""
        root = {"urn": f"urn::{name}", "type": "pulumi:pulumi:Stack"}
        exported = {EXPORT: outputs.to_dict()} if outputs else {}
        provider = {"urn": "urn::aws", "type": "pulumi:providers:aws", "inputs": {"region": "eu-west-1"}}
        state = {"resources": [{**root, "outputs": exported}, provider, *resources]}
        (self.folder / f"{name}.json").write_text(json.dumps({"version": 3, "checkpoint": {"latest": state}}))


def rule(name: str, service: str, priority: int, **tags: str) -> dict[str, Any]:
    """A listener rule as a state has it."""
    return {
        "urn": f"urn:pulumi:{name}::ecs-stack::aws:lb/listenerRule:ListenerRule::{name}-{service}",
        "type": "aws:lb/listenerRule:ListenerRule",
        "inputs": {"priority": priority, "tags": {"ecs-stack:host": "dev", "ecs-stack:owner": "ann", **tags}},
        "outputs": {"arn": "arn:aws:elasticloadbalancing:eu-west-1:000000000000:rule"},
        "created": "2026-11-24T10:00:00Z",
    }


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "dev.yaml").write_text(DEV)
    (tmp_path / "envs" / "preview.yaml").write_text("host: dev\nservices: {api: }\n")
    known = World(tmp_path / ".ecs-stack/state/.pulumi/stacks/ecs-stack")
    known.keep("dev", HOST)

    class FakeStack:
        def __init__(self, backend: Backend, name: str, **_: Any) -> None:
            self.backend, self.name = backend, name

        def exists(self) -> bool:
            return bool(self.backend.has(self.name))

        def refuse_if_locked(self) -> None:
            pass

        def outputs(self) -> Mapping[str, Any]:
            state = json.loads((known.folder / f"{self.name}.json").read_text())
            exported: Mapping[str, Any] = state["checkpoint"]["latest"]["resources"][0]["outputs"]
            return exported

        def forget(self) -> None:
            known.calls.append(f"forget {self.name}")

        def up(self, program: Callable[[], None], **_: Any) -> Update:
            program()
            known.calls.append(f"up {self.name}")
            made = known.made[-1]
            if known.failures:
                raise known.failures.pop(0)
            api = replace(service(self.name, "api", "/*"), host=f"{self.name}.localhost")
            described = replace(HOST, environment=self.name, services={"api": api}, ephemeral=made)
            known.keep(self.name, described, *(rule(self.name, *each) for each in made.priorities.items()))
            exported = {EXPORT: described.to_dict()}
            return Update(changes=(), summary=ChangeSummary(create=1), outputs=exported, duration=1)

        def destroy(self, *, last: Callable[[], object], **_: Any) -> Update:
            known.calls.append(f"destroy {self.name}")
            last()
            return Update(changes=(), summary=ChangeSummary(delete=3), outputs={}, duration=1)

        def preview_destroy(self, **_: Any) -> Preview:
            known.calls.append(f"preview destroy {self.name}")
            return Preview(environment=self.name, changes=(), summary=ChangeSummary(delete=3), duration=1)

    class FakeTarget:
        region = "eu-west-1"

        def __init__(self, name: str) -> None:
            self.name = name

        def identify(self, *, account: str | None) -> None:
            if account in known.foreign:
                raise RefusedError(f"these credentials aren't for account {account}")

        def check(self, *, account: str | None, images: list[str], **_: str | None) -> None:
            known.calls.append(f"check {', '.join(images)}")

        @contextmanager
        def open(self) -> Iterator[targets.Session]:
            yield targets.Session(environment={}, client=lambda name: name, clusters=lambda: "ecs")

        def connect(self) -> Callable[[str], Any]:
            return lambda name: name

        def urls(self, outputs: StackOutputs) -> dict[str, str]:
            return {name: f"http://{route.host}{route.path.rstrip('*')}" for name, route in outputs.routes.items()}

    def look(elbv2: Any, **_: str) -> Listener:
        limits = {"rules-per-application-load-balancer": 100, "target-groups-per-application-load-balancer": 100}
        return Listener(dict(known.on_listener), {}, 2, limits)

    def program(made: EphemeralOutputs, host: StackOutputs, project: str) -> Callable[[], None]:
        assert host.vpc_id == "vpc-1"
        return lambda: known.made.append(made)

    for module in (locate, runs, standing, ephemeral_runs):
        monkeypatch.setattr(module, "Stack", FakeStack)
    for module in (runs, ephemeral_runs):
        monkeypatch.setattr(module, "recover", lambda *_, **__: None)
    monkeypatch.setattr(engine, "ensure", lambda say: "engine")
    monkeypatch.setattr(targets, "make", lambda name, root, region: FakeTarget(name))
    monkeypatch.setattr(listener, "look", look)
    monkeypatch.setattr(ephemeral_runs, "_program", program)
    monkeypatch.setattr(runs, "load_ahead", lambda session: None)
    monkeypatch.setattr(rollout, "wait", lambda outputs, **_: ())
    monkeypatch.setattr(rollout, "deployments", lambda outputs, **_: {})
    monkeypatch.setattr(task_definitions, "deregister", lambda *_, **__: None)
    return known


def test_a_first_up_makes_what_is_named_and_borrows_the_rest(world: World, tmp_path: Path) -> None:
    receipt = Ephemeral(tmp_path, "pr-42").up(images={"api": "demo:2"}, owner="ann")
    assert world.calls == ["check demo:2", "up pr-42"]
    assert (receipt.host, receipt.owner, receipt.borrowed) == ("dev", "ann", ("web",))
    assert receipt.expires == receipt.created + timedelta(hours=72)
    (made,) = world.made
    assert made.spec["services"]["api"]["image"] == "demo:2"
    assert made.priorities["web"] < made.priorities["api"] <= 25_000


def test_whoever_lost_a_priority_chooses_again_and_goes_on(world: World, tmp_path: Path) -> None:
    Ephemeral(tmp_path, "pr-42").up()
    (first,) = world.made
    world.made.clear()
    (world.folder / "pr-42.json").unlink()
    taken = UpdateFailedError("failed", problems=("ListenerRule pr-42-api: CreateRule: PriorityInUse: in use",))
    world.failures = [taken, taken]
    world.on_listener = {first.priorities["api"]: "somebody's"}
    steps: list[str] = []
    Ephemeral(tmp_path, "pr-42").up(on_progress=lambda step: steps.append(step.message))
    assert len(world.made) == 3
    assert first.priorities["api"] not in {made.priorities["api"] for made in world.made}
    assert steps.count("another environment took a listener rule's priority: taking the next") == 2


def test_nothing_is_made_on_a_load_balancer_that_is_full(world: World, tmp_path: Path) -> None:
    world.on_listener = dict.fromkeys(range(1, 100), "somebody's")
    with pytest.raises(RefusedError, match="has 99 of 100 listener rules, and pr-42 needs 2"):
        Ephemeral(tmp_path, "pr-42").up()
    assert "up pr-42" not in world.calls


def test_any_other_failure_is_one(world: World, tmp_path: Path) -> None:
    world.failures = [UpdateFailedError("failed", problems=("TargetGroup pr-42-api: CreateTargetGroup: denied",))]
    with pytest.raises(UpdateFailedError):
        Ephemeral(tmp_path, "pr-42").up()
    assert len(world.made) == 1


def test_what_to_do_now_is_said_with_its_own_verbs(world: World, tmp_path: Path) -> None:
    hint = "Run `ecs-stack up pr-42` again, or `ecs-stack destroy pr-42`; `ecs-stack up pr-4` is another."
    world.failures = [UpdateFailedError("failed", hint=hint)]
    with pytest.raises(UpdateFailedError) as caught:
        Ephemeral(tmp_path, "pr-42").up()
    assert caught.value.hint == (
        "Run `ecs-stack ephemeral up pr-42` again, or `ecs-stack ephemeral down pr-42`; `ecs-stack up pr-4` is another."
    )


def test_of_a_down_that_was_killed_the_hosts_file_tells_where_the_rest_is(world: World, tmp_path: Path) -> None:
    """Of the provider and resources without an ARN no account is known."""
    group = {
        "urn": "urn::x",
        "type": "aws:ec2/securityGroup:SecurityGroup",
        "inputs": {"tags": {rules.HOST_TAG: "dev"}},
    }

    def target(*resources: Mapping[str, Any]) -> str:
        world.keep("pr-42", None, *resources)
        return standing.locate(tmp_path, "pr-42", Engine(tmp_path, "3")).found(tmp_path).target.name

    assert target() == target(group) == "local"
    (tmp_path / "envs" / "staging.yaml").write_text(DEV.replace("target: local", "target: aws"))
    assert target(group) == "local"
    with pytest.raises(RefusedError, match="doesn't tell whether it is on aws or local"):
        target()
    (tmp_path / "envs" / "staging.yaml").write_text(DEV.replace("target: local", "target: aws").replace("-1", "-2"))
    assert target() == "local"
    Ephemeral(tmp_path, "pr-42").down()
    assert world.calls == ["destroy pr-42"]


def test_on_aws_it_says_which_dns_record_is_missing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "envs" / "dev.yaml").write_text(DEV.replace("target: local", "target: aws"))
    (tmp_path / "envs" / "preview.yaml").write_text("host: dev\ndomain: p.example.com\nservices: {api: }\n")
    world.keep("dev", replace(HOST, cluster_arn=HOST.cluster_arn.replace("0" * 12, "1" * 12)))
    known = {"pr-1.p.example.com"}

    def resolve(host: str, port: None) -> list[str]:
        if host not in known:
            raise OSError("Name or service not known")
        return ["an address"]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    assert Ephemeral(tmp_path, "pr-1").up().notes == ()
    assert Ephemeral(tmp_path, "pr-2").up().notes == (
        "pr-2.p.example.com: not in the DNS yet. One record serves all ephemeral environments: "
        "*.p.example.com CNAME lb.example",
    )
    assert HOST.load_balancer
    known_zone = replace(HOST.load_balancer, zone="p.example.com", domain="p.example.com")
    world.keep("dev", replace(HOST, cluster_arn=HOST.cluster_arn.replace("0" * 12, "1" * 12), load_balancer=known_zone))
    assert Ephemeral(tmp_path, "pr-3").up().notes == (
        "pr-3.p.example.com: not in the DNS yet. The record is in the hosted zone p.example.com: if it stays so, the "
        "domain isn't delegated to it",
    )


def test_a_later_up_keeps_rules_owner_and_birthday_and_forgets_what_was_set(world: World, tmp_path: Path) -> None:
    Ephemeral(tmp_path, "pr-42").up(owner="ann", settings=["services.api.environment.X=1"], branch="b")
    world.on_listener = dict.fromkeys(range(1, 25_001), "taken by now")
    receipt = Ephemeral(tmp_path, "pr-42").up()
    before, after = world.made
    assert (after.priorities, after.owner, after.created) == (before.priorities, "ann", before.created)
    assert "environment" in before.spec["services"]["api"]
    assert "environment" not in after.spec["services"]["api"]
    assert (receipt.owner, after.branch) == ("ann", None)
    assert Ephemeral(tmp_path, "pr-42").up(owner="bob").owner == "bob"


def test_pinned_stays_pinned_until_somebody_says_otherwise(world: World, tmp_path: Path) -> None:
    environment = Ephemeral(tmp_path, "pr-42")
    assert environment.up(ttl="none").expires is None
    assert environment.up().expires is None
    assert environment.up(ttl="1h").expires is not None
    with pytest.raises(RefusedError, match="the time to live must be a number of minutes"):
        environment.up(ttl="soon")


def test_extend_changes_the_end_and_nothing_else(world: World, tmp_path: Path) -> None:
    environment = Ephemeral(tmp_path, "pr-42")
    environment.up(images={"api": "demo:2"}, ttl="2h")
    (tmp_path / "envs" / "preview.yaml").write_text("host: dev\nttl: 9h\n")
    receipt = environment.extend()
    before, after = world.made
    assert replace(after, expires=before.expires) == before
    assert receipt.expires is not None
    assert timedelta(hours=1.9) < receipt.expires - datetime.now(UTC) < timedelta(hours=2.1)
    assert environment.extend("none").expires is None


def test_an_environment_of_another_kind_is_left_alone(world: World, tmp_path: Path) -> None:
    other = {"urn": "urn::x", "type": "aws:ecs/cluster:Cluster", "inputs": {}, "outputs": {}}
    world.keep("test", replace(HOST, environment="test"), other)
    for verb in (Ephemeral.up, Ephemeral.down, Ephemeral.extend):
        with pytest.raises(RefusedError, match="the environment test isn't an ephemeral one") as refused:
            verb(Ephemeral(tmp_path, "test"))
        assert refused.value.hint == "The verbs without `ephemeral` are for it: `ecs-stack status test`."
    with pytest.raises(NotFoundError, match="there is no ephemeral environment pr-1"):
        Ephemeral(tmp_path, "pr-1").down()
    assert not [call for call in world.calls if call.startswith(("up", "destroy", "forget"))]


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        (replace(HOST, load_balancer=None), "dev has no load balancer"),
        (replace(HOST, private_subnet_ids=()), "an older ecs-stack applied dev"),
        (
            replace(
                HOST, load_balancer=LoadBalancerOutputs(arn="lb", dns_name="d", listener_arn="l", listener_port=80)
            ),
            "dev doesn't host ephemeral environments",
        ),
    ],
)
def test_a_host_has_to_be_ready(world: World, tmp_path: Path, host: StackOutputs, problem: str) -> None:
    world.keep("dev", host)
    with pytest.raises(RefusedError, match=problem):
        Ephemeral(tmp_path, "pr-42").up()


def test_one_that_stands_elsewhere_does_not_move(world: World, tmp_path: Path) -> None:
    (tmp_path / "envs" / "qa.yaml").write_text(DEV)
    world.keep("qa", replace(HOST, environment="qa"))
    Ephemeral(tmp_path, "pr-42").up()
    with pytest.raises(RefusedError, match="pr-42 stands on dev, not on qa"):
        Ephemeral(tmp_path, "pr-42").up(host="qa")


def test_a_run_that_was_killed_before_it_made_anything_leaves_nothing(world: World, tmp_path: Path) -> None:
    (world.folder / "pr-42.json").write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": []}}}))
    Ephemeral(tmp_path, "pr-42").down()
    assert world.calls == ["forget pr-42"]


def test_what_was_never_made_needs_no_credentials_of_every_host(world: World, tmp_path: Path) -> None:
    (world.folder / "pr-42.json").write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": []}}}))
    world.foreign.add("111111111111")
    prod = DEV.replace("target: local", 'target: aws\naccount: "111111111111"')
    (tmp_path / "envs" / "prod.yaml").write_text(prod)
    (tmp_path / "envs" / "wrong.yaml").write_text("target: nowhere\n")
    Ephemeral(tmp_path, "pr-42").down()
    assert world.calls == ["forget pr-42"]

    (world.folder / "pr-42.json").write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": []}}}))
    (tmp_path / "envs" / "dev.yaml").write_text(prod)
    with pytest.raises(RefusedError, match="aren't for account 111111111111"):
        Ephemeral(tmp_path, "pr-42").down()
    assert world.calls == ["forget pr-42"]


def test_the_list(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ephemeral(tmp_path, "pr-1").up(owner="ann")
    Ephemeral(tmp_path, "pr-2").up(owner="bob", ttl="none")
    world.keep("pr-3", None, rule("pr-3", "api", 5, **{"ecs-stack:expires": "2026-01-01T00:00:00Z"}))
    asked: list[list[str]] = []

    def services(ecs: Any, cluster: str, names: list[str]) -> dict[str, Any]:
        asked.append(names)
        deployment = {"status": "PRIMARY", "rolloutState": "COMPLETED"}
        ready = {"status": "ACTIVE", "runningCount": 1, "desiredCount": 1, "deployments": [deployment]}
        return {"pr-1_api": ready, "pr-2_api": {**ready, "runningCount": 0}}

    monkeypatch.setattr(describe, "services", services)
    one, two, three = list_ephemeral(tmp_path)
    assert [(each.name, each.owner, each.health) for each in (one, two, three)] == [
        ("pr-1", "ann", "ready"),
        ("pr-2", "bob", "failing"),
        ("pr-3", "ann", "incomplete"),
    ]
    assert (one.expired, two.expires, three.expired) == (False, None, True)
    assert (one.url, three.url) == ("http://pr-1.localhost/", None)
    assert asked == [["pr-1_api", "pr-2_api"]]


def test_a_host_stays_as_long_as_they_stand_on_it(world: World, tmp_path: Path) -> None:
    for number in range(1, 8):
        Ephemeral(tmp_path, f"pr-{number}").up()
    world.calls.clear()
    arguments = ["destroy", "dev", "--yes", "--root", str(tmp_path)]
    assert main(arguments) == 2
    assert world.calls == []
    found = hosting.guests(Backend.local(tmp_path), "dev")
    with pytest.raises(RefusedError, match="stand on dev: pr-1, pr-2, pr-3, pr-4, pr-5, 2 more"):
        hosting.refuse_destroy(found, "dev")
    assert main([*arguments, "--with-ephemeral"]) == 0
    assert world.calls == ["preview destroy dev", *(f"destroy pr-{number}" for number in range(1, 8)), "destroy dev"]


@pytest.mark.parametrize(
    ("kind", "name", "change", "refused"),
    [
        ("aws:lb/targetGroup:TargetGroup", "dev-web", ChangeKind.REPLACE, True),
        ("aws:lb/targetGroup:TargetGroup", "dev-api", ChangeKind.REPLACE, False),
        ("aws:lb/targetGroup:TargetGroup", "dev-web", ChangeKind.UPDATE, False),
        ("aws:ec2/securityGroup:SecurityGroup", "dev-lb-tasks", ChangeKind.DELETE, True),
        ("aws:ec2/securityGroup:SecurityGroup", "dev-api", ChangeKind.DELETE, False),
        ("aws:lb/listener:Listener", "dev", ChangeKind.REPLACE, True),
        ("aws:ecs/service:Service", "dev-web", ChangeKind.REPLACE, False),
    ],
)
def test_a_host_keeps_what_they_use(
    world: World, tmp_path: Path, kind: str, name: str, change: ChangeKind, refused: bool
) -> None:
    Ephemeral(tmp_path, "pr-42").up()
    changes = (ResourceChange(urn="u", type=kind, name=name, kind=change),)
    plan = Preview(environment="dev", changes=changes, summary=ChangeSummary(), duration=1)
    if refused:
        with pytest.raises(RefusedError, match=f"this would delete or replace {name}, which .* use: pr-42"):
            hosting.refuse_loss(plan, Backend.local(tmp_path), HOST)
    else:
        hosting.refuse_loss(plan, Backend.local(tmp_path), HOST)


def test_the_latest_end_holds_if_an_up_was_cut_short() -> None:
    backend = Backend.local(Path("/nowhere"))
    expires = {"ecs-stack:expires": "2026-11-27T12:00:00Z"}, {"ecs-stack:expires": "2026-11-29T12:00:00Z"}
    found = standing.of_resources(backend, "pr-42", [rule("pr-42", "api", n, **tags) for n, tags in enumerate(expires)])
    assert rules.stamp(found.expires) == "2026-11-29T12:00:00Z"
    assert (found.host, found.owner, found.created) == ("dev", "ann", datetime(2026, 11, 24, 10, tzinfo=UTC))
    assert found.accounts == {"000000000000"}
    with pytest.raises(NotFoundError, match="the first up of pr-42 didn't finish"):
        _ = found.facts


class TestCommands:
    def test_up_prints_where_it_answers_last(
        self, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["ephemeral", "up", "pr-42", "--image", "api=demo:2", "--root", str(tmp_path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("pr-42: 1 created")
        assert "  web: dev's" in lines
        assert lines[-1].startswith("http://")

    def test_a_name_is_made_of_a_branchs(
        self, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        branch = "feature/Übung #7"
        assert main(["ephemeral", "up", "--branch", branch, "--json", "--root", str(tmp_path)]) == 0
        assert json.loads(capsys.readouterr().out)["environment"] == "feature-ubung-7-6184db"
        assert world.made[0].branch == branch

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ([], "It needs a name"),
            (["pr-42", "--image", "api"], "--image api must be SERVICE=REFERENCE"),
            (["pr-42", "--image", "api=a:1", "--image", "api=a:2"], "--image names api twice"),
            (["pr-42", "--ttl", "soon"], "The time to live must be a number of minutes"),
            (["dev"], "'dev' can't be the name of an ephemeral environment"),
        ],
    )
    def test_what_is_refused(
        self,
        world: World,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        problem: str,
    ) -> None:
        assert main(["ephemeral", "up", *arguments, "--root", str(tmp_path)]) == 2
        assert problem in capsys.readouterr().err
        assert world.made == []

    def test_extend_and_down(self, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        root = ["--root", str(tmp_path)]
        main(["ephemeral", "up", "pr-42", *root])
        capsys.readouterr()
        assert main(["ephemeral", "extend", "pr-42", "--ttl", "none", *root]) == 0
        assert capsys.readouterr().out.startswith("pr-42: never expires")
        assert main(["ephemeral", "down", "pr-42", *root]) == 0
        assert capsys.readouterr().out.startswith("pr-42 is gone: 3 deleted")

    def test_a_list_without_any(self, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["ephemeral", "list", "--root", str(tmp_path)]) == 0
        assert capsys.readouterr().out == "There are no ephemeral environments.\n"
