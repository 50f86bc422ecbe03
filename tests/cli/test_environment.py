"""The public face with a fake engine and a fake target below it: what is asked for, in which order, and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ecs_stack import locate, runs, states, targets
from ecs_stack.automation import engine
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import StackSummary, Update
from ecs_stack.environment import Environment, list_environments
from ecs_stack.errors import (
    ConfirmationError,
    DeploymentFailedError,
    DockerError,
    EcsStackError,
    LockedError,
    NotFoundError,
    RefusedError,
    RolledBackError,
    SpecError,
)
from ecs_stack.operations import rollout, task_definitions
from ecs_stack.outputs import EXPORT, LoadBalancerOutputs, ServiceOutputs, StackOutputs
from ecs_stack.results import (
    ChangeKind,
    ChangeSummary,
    DriftKind,
    LockHolder,
    Preview,
    Progress,
    ResourceChange,
    ResourceDrift,
    Rollout,
    RolloutState,
    UnlockReceipt,
)

DEV = """
target: local
region: eu-west-1
services:
  api: {image: "demo:1", cpu: 256, memory: 512, port: 8080, route: {path: "/*"}}
"""
ARN = "arn:aws:ecs:eu-west-1:000000000000"
OUTPUTS = StackOutputs(
    environment="dev",
    region="eu-west-1",
    vpc_id="vpc-1",
    cluster_name="dev",
    cluster_arn=f"{ARN}:cluster/dev",
    load_balancer=LoadBalancerOutputs(arn="lb", dns_name="lb.example", listener_arn="listener", listener_port=80),
    services={
        "api": ServiceOutputs(
            name="api",
            service_name="api",
            service_arn=f"{ARN}:service/dev/api",
            task_definition_arn=f"{ARN}:task-definition/dev-api:1",
            container_name="api",
            image="demo:1",
            log_group="/ecs/dev/api",
            path="/*",
        )
    },
)
HOLDER = LockHolder(user="ann", host="build-7", pid=7, since=datetime(2026, 5, 1, tzinfo=UTC))
SERVICE = ResourceChange(urn="s", type="aws:ecs/service:Service", name="dev-api", kind=ChangeKind.UPDATE, parent=None)


class World:
    """What the fakes know and were asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.exported: dict[str, Any] | None = None
        self.accounts: set[str] = set()
        self.tags: set[str] = set()
        self.identified: list[str | None] = []
        self.plan = Preview(environment="dev", changes=(), summary=ChangeSummary(create=3), duration=1)
        self.state = RolloutState.COMPLETED
        self.refuses: Exception | None = None
        self.locks: list[LockedError] = []
        self.killed = False
        self.cluster: str | None = None


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "dev.yaml").write_text(DEV)
    known = World()

    class FakeStack:
        def __init__(
            self, backend: Any, name: str, *, engine: Any, environment: Mapping[str, str], cancellation: Any = None
        ) -> None:
            self.environment = environment

        def exists(self) -> bool:
            return known.exported is not None

        def refuse_if_locked(self) -> None:
            if known.locks:
                raise known.locks.pop()

        def was_cut_short(self) -> bool:
            return known.killed

        def unlock(self, *, force: bool) -> UnlockReceipt:
            return UnlockReceipt(environment="dev", removed=(HOLDER,) if force else ())

        def outputs(self) -> Mapping[str, Any]:
            return known.exported or {}

        def accounts(self) -> set[str]:
            return known.accounts

        def tagged(self, key: str) -> bool:
            return key in known.tags

        def preview(self, program: Callable[[], None], *, refresh: bool, **_: Any) -> Preview:
            assert self.environment == {"FROM": "target"}
            known.calls.append("preview with refresh" if refresh else "preview")
            return known.plan

        def preview_destroy(self, **_: Any) -> Preview:
            known.calls.append("preview destroy")
            return known.plan

        def up(self, program: Callable[[], None], *, refresh: bool, **_: Any) -> Update:
            known.calls.append("up with refresh" if refresh else "up")
            known.exported = {EXPORT: OUTPUTS.to_dict()}
            return Update(changes=(), summary=known.plan.summary, outputs=known.exported, duration=1)

        def destroy(self, *, last: Callable[[], object], **_: Any) -> Update:
            known.calls.append("destroy")
            last()
            return Update(changes=(), summary=ChangeSummary(delete=3), outputs={}, duration=1)

    class FakeTarget:
        def __init__(self, name: str) -> None:
            self.name = name
            self.region = "eu-west-1"

        def identify(self, *, account: str | None) -> None:
            known.identified.append(account)

        def check(self, *, account: str | None, images: list[str], **_: str | None) -> None:
            known.calls.append(f"check {', '.join(images)}")
            if known.refuses:
                raise known.refuses

        @contextmanager
        def open(self) -> Iterator[targets.Session]:
            known.calls.append(f"open {self.name}")
            yield targets.Session(
                environment={"FROM": "target"}, client=lambda service: service, clusters=lambda: "ecs"
            )

        def urls(self, outputs: StackOutputs) -> dict[str, str]:
            return {"api": "http://localhost:1/"}

    def wait(outputs: StackOutputs, **_: Any) -> tuple[Rollout, ...]:
        known.calls.append("wait")
        bad = known.state in (RolloutState.ROLLED_BACK, RolloutState.FAILED)
        return (
            Rollout(
                service="api",
                state=known.state,
                requested_revision="dev-api:2",
                running_revision="dev-api:1",
                reason="container api exited with code 1" if bad else None,
                last_lines=("no DATABASE_URL",) if bad else (),
            ),
        )

    def settle(outputs: StackOutputs, names: set[str], **_: Any) -> None:
        known.calls.append(f"settle {', '.join(sorted(names))}")

    monkeypatch.setattr(locate, "Stack", FakeStack)
    monkeypatch.setattr(runs, "Stack", FakeStack)
    monkeypatch.setattr(engine, "ensure", lambda say: "engine")
    monkeypatch.setattr(targets, "make", lambda name, root, region: FakeTarget(name))
    monkeypatch.setattr(rollout, "wait", wait)

    def deregister(prefix: str, tags: dict[str, str], *, ecs: Any) -> None:
        known.calls.append(f"deregister {prefix} {tags['ecs-stack:project']} {tags['ecs-stack:environment']}")

    def recover(stack: Any, project: str, session: Any, on_progress: Any) -> None:
        if known.killed:
            known.calls.append(f"recover {project}")

    monkeypatch.setattr(runs, "recover", recover)
    monkeypatch.setattr(states, "cluster_of", lambda *_, **__: known.cluster)
    monkeypatch.setattr(rollout, "settle", settle)
    monkeypatch.setattr(task_definitions, "deregister", deregister)
    monkeypatch.setattr(rollout, "deployments", lambda outputs, **_: {"api": "ecs-svc/1"})
    monkeypatch.setattr(Backend, "has", lambda backend, name: known.exported is not None)
    return known


def load(tmp_path: Path, **more: Any) -> Environment:
    return Environment.load(tmp_path, "dev", **more)


def test_a_first_up(world: World, tmp_path: Path) -> None:
    receipt = load(tmp_path).up()
    assert world.calls == ["check demo:1", "open local", "preview", "up", "wait"]
    assert receipt.urls == {"api": "http://localhost:1/"}
    assert receipt.summary.create == 3
    assert receipt.rollouts[0].state is RolloutState.COMPLETED


@pytest.mark.parametrize("verb", ["preview", "up"])
def test_an_environment_that_runs_is_not_made_once_more(world: World, tmp_path: Path, verb: str) -> None:
    """Its state is somewhere else: CreateCluster would answer with the cluster that is there, and take it over."""
    world.cluster = f"{ARN}:cluster/dev"
    with pytest.raises(RefusedError, match=f"no stack of dev in .* its cluster is there \\({world.cluster}\\)"):
        getattr(load(tmp_path), verb)()
    assert not {"preview", "up"} & set(world.calls)


def test_what_can_not_work_is_refused_before_anything_is_touched(world: World, tmp_path: Path) -> None:
    world.refuses = DockerError("no Docker")
    with pytest.raises(DockerError):
        load(tmp_path).up()
    assert world.calls == ["check demo:1"]


def test_an_up_that_is_not_approved_changes_nothing(world: World, tmp_path: Path) -> None:
    def approve(plan: Preview) -> None:
        assert replace(plan, cost=None) == world.plan
        assert plan.cost
        raise ConfirmationError("no")

    with pytest.raises(ConfirmationError):
        load(tmp_path).up(approve=approve)
    assert world.calls[-1] == "preview"


def test_nothing_to_change_runs_no_up_but_compares(world: World, tmp_path: Path) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    world.plan = Preview(environment="dev", changes=(), summary=ChangeSummary(same=3), duration=1)
    world.state = RolloutState.UNCHANGED
    assert load(tmp_path).up().summary == ChangeSummary(same=3)
    assert world.calls == ["check demo:1", "open local", "preview", "wait"]
    world.plan = replace(world.plan, outputs_changed=True)
    load(tmp_path).up()
    assert "up" in world.calls


def test_a_deployment_in_flight_of_a_changed_service_ends_first(world: World, tmp_path: Path) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    world.plan = replace(world.plan, changes=(SERVICE,))
    load(tmp_path).up()
    assert world.calls[3:5] == ["settle api", "up"]


def test_a_resource_name_that_was_cut_means_every_service(world: World, tmp_path: Path) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    world.plan = replace(world.plan, changes=(replace(SERVICE, name="dev-a1b2c3"),))
    load(tmp_path).up()
    assert "settle api" in world.calls


@pytest.mark.parametrize("changed", [True, False], ids=["after a change", "without a change"])
def test_a_rollback_is_an_error_with_the_receipt(world: World, tmp_path: Path, changed: bool) -> None:
    if not changed:
        world.exported = {EXPORT: OUTPUTS.to_dict()}
        world.plan = Preview(environment="dev", changes=(), summary=ChangeSummary(same=3), duration=1)
    world.state = RolloutState.ROLLED_BACK
    with pytest.raises(RolledBackError, match="ECS rolled back api") as caught:
        load(tmp_path).up()
    assert caught.value.exit_code == 4
    assert caught.value.receipt.rollouts[0].running_revision == "dev-api:1"
    assert caught.value.problems == (
        "api: dev-api:2 was rolled back, dev-api:1 runs. Reason: container api exited with code 1",
        "api said: no DATABASE_URL",
    )


def test_a_deployment_that_failed_without_a_rollback(world: World, tmp_path: Path) -> None:
    world.state = RolloutState.FAILED
    with pytest.raises(DeploymentFailedError, match="the deployment of api failed") as caught:
        load(tmp_path).up()
    assert caught.value.exit_code == 1


def test_a_stack_stays_on_its_target(world: World, tmp_path: Path) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    elsewhere = load(tmp_path, target="aws")
    for verb in (elsewhere.preview, elsewhere.up, elsewhere.destroy):
        with pytest.raises(RefusedError, match="the stack of dev was made on the target local, not on aws"):
            verb()
    assert [call for call in world.calls if not call.startswith("check")] == []


def test_a_locked_environment_is_refused_or_waited_for(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    monkeypatch.setattr(runs, "_LOCK_POLL", 0)
    for verb in (load(tmp_path).up, load(tmp_path).destroy):
        world.locks = [LockedError("ann holds it")]
        world.calls.clear()
        with pytest.raises(LockedError):
            verb()
        assert "preview" not in world.calls
        said: list[Progress] = []
        world.locks = [LockedError("ann holds it"), LockedError("ann holds it")]
        verb(wait=True, on_progress=said.append)
        assert [step.message for step in said[:2]] == ["waiting: ann holds it"] * 2
        assert {"up", "destroy", "preview"} & set(world.calls)


def test_drift_is_put_right_even_if_the_file_asks_for_nothing_new(world: World, tmp_path: Path) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    drift = ResourceDrift(urn="s", type="aws:ecs/service:Service", name="dev-api", kind=DriftKind.CHANGED)
    world.plan = Preview(environment="dev", changes=(), summary=ChangeSummary(same=3), drift=(drift,), duration=1)
    assert load(tmp_path).preview(refresh=True).drift == (drift,)
    load(tmp_path).up(refresh=True)
    assert world.calls.count("preview with refresh") == 2
    assert "up with refresh" in world.calls


def test_a_killed_run_is_settled_once_the_plan_is_approved(world: World, tmp_path: Path) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    world.killed = True
    load(tmp_path).up(approve=lambda _: world.calls.append("approved"))
    assert world.calls[2:5] == ["preview with refresh", "approved", "recover ecs-stack"]
    world.calls.clear()
    load(tmp_path).destroy(approve=lambda _: world.calls.append("approved"))
    assert world.calls[1:5] == ["preview destroy", "approved", "recover ecs-stack", "destroy"]


def test_an_up_after_the_cluster_is_gone_asks_nothing_of_it(world: World, tmp_path: Path) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    gone = ResourceDrift(urn="c", type="aws:ecs/cluster:Cluster", name="dev", kind=DriftKind.DELETED)
    world.plan = replace(world.plan, drift=(gone,), changes=(SERVICE,))
    load(tmp_path).up(refresh=True)
    assert [call for call in world.calls if call.startswith("settle")] == []


def test_unlock(world: World, tmp_path: Path) -> None:
    assert load(tmp_path).unlock().removed == ()
    assert load(tmp_path).unlock(force=True).removed == (HOLDER,)


def test_another_target_than_the_files(world: World, tmp_path: Path) -> None:
    load(tmp_path, target="aws").up()
    assert "open aws" in world.calls


def test_destroy(world: World, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load(tmp_path).destroy()
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    seen: list[Preview] = []
    assert load(tmp_path).destroy(approve=seen.append).summary.delete == 3
    assert seen == [world.plan]
    assert world.calls == ["open local", "preview destroy", "destroy", "deregister dev- ecs-stack dev"]


def test_what_needs_only_the_stack_works_without_its_file(world: World, tmp_path: Path) -> None:
    (tmp_path / "envs" / "dev.yaml").unlink()
    with pytest.raises(SpecError):
        load(tmp_path)
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    orphan = load(tmp_path)
    assert orphan.outputs() == OUTPUTS
    orphan.destroy()
    with pytest.raises(SpecError):
        orphan.up()


def test_an_up_that_did_not_finish(world: World, tmp_path: Path) -> None:
    world.exported = {}
    with pytest.raises(NotFoundError, match="the last up of dev didn't finish"):
        load(tmp_path).outputs()
    load(tmp_path).destroy()
    assert world.calls[:2] == ["open local", "destroy"]
    world.accounts = {"123456789012"}
    with pytest.raises(RefusedError, match="made on the target aws, not on local"):
        load(tmp_path).destroy()
    with pytest.raises(RefusedError, match="made on the target aws, not on local"):
        load(tmp_path).up()
    world.accounts, world.tags = {"000000000000"}, {"ecs-stack:host"}
    with pytest.raises(RefusedError, match="there is an ephemeral environment called dev, and its file isn't for that"):
        load(tmp_path).up()


def test_what_aws_refuses_is_told_in_its_words(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    answer = {"Error": {"Code": "ClusterNotFoundException", "Message": "Cluster not found."}}

    def refuse(*_: Any, **__: Any) -> None:
        raise ClientError(answer, "DescribeServices")  # type: ignore[arg-type]

    monkeypatch.setattr(rollout, "deployments", refuse)
    with pytest.raises(EcsStackError, match=r"DescribeServices failed: ClusterNotFoundException: Cluster not found"):
        load(tmp_path).up()


def test_a_service_that_is_not_there(world: World, tmp_path: Path) -> None:
    world.exported = {EXPORT: OUTPUTS.to_dict()}
    with pytest.raises(NotFoundError, match="there is no service web in dev") as caught:
        load(tmp_path).logs(["web"])
    assert caught.value.hint == "There are: api."


def test_list(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "envs" / "broken.yaml").write_text("target: 7")
    monkeypatch.setattr(Backend, "is_empty", lambda backend: False)
    listed = (
        StackSummary(name="dev", resources=47, updated_at=None),
        StackSummary(name="orphan", resources=2, updated_at=None),
    )
    monkeypatch.setattr(states, "stacks", lambda *_, **__: listed)
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    assert [(e.name, e.target, e.resources) for e in list_environments(tmp_path)] == [
        ("broken", None, None),
        ("dev", "local", 47),
        ("orphan", None, 2),
    ]


@pytest.mark.parametrize(
    ("host", "path", "local", "aws"),
    [
        (None, "/*", "http://localhost:5/", "http://lb.example/"),
        (None, "/api/*", "http://localhost:5/api/", "http://lb.example/api/"),
        ("api.localhost", "/*", "http://api.localhost:5/", "http://api.localhost/"),
        ("api.example.com", "/*", "http://localhost:5/", "http://api.example.com/"),
        ("*.example.com", "/a?c", "http://localhost:5/a", "http://lb.example/a"),
    ],
)
def test_urls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str | None, path: str, local: str, aws: str
) -> None:
    class Cloud:
        def listeners(self) -> dict[str, Any]:
            return {"listener": type("Listener", (), {"port": 5})}

    outputs = replace(OUTPUTS, services={"api": replace(OUTPUTS.services["api"], host=host, path=path)})
    assert outputs.load_balancer
    # The local cloud's load balancers have names of this machine, which nobody wants to read.
    here = replace(outputs.load_balancer, dns_name="dev-1.eu-west-1.elb.localhost")
    monkeypatch.setattr(targets.LocalTarget, "_cloud", lambda _: Cloud())
    assert targets.make("local", tmp_path, "eu-west-1").urls(replace(outputs, load_balancer=here)) == {"api": local}
    assert targets.make("aws", tmp_path, "eu-west-1").urls(outputs) == {"api": aws}
    quiet = replace(outputs, services={"api": replace(outputs.services["api"], path=None)})
    assert targets.make("aws", tmp_path, "eu-west-1").urls(quiet) == {}


@pytest.mark.parametrize(
    ("balancer", "host", "local", "aws"),
    [
        ({"domain": "example.com"}, None, "https://localhost:5/", "https://example.com/"),
        ({"domain": "example.com"}, "api.example.com", "https://localhost:5/", "https://api.example.com/"),
        ({"domain": "shop.localhost"}, None, "https://shop.localhost:5/", "https://shop.localhost/"),
        ({"domain": "shop.localhost"}, "a.shop.localhost", "https://a.shop.localhost:5/", "https://a.shop.localhost/"),
        # A certificate that was there: nobody here knows what for.
        ({}, None, "https://localhost:5/", "https://lb.example/"),
    ],
)
def test_urls_with_a_certificate(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    balancer: dict[str, str],
    host: str | None,
    local: str,
    aws: str,
) -> None:
    class Cloud:
        def listeners(self) -> dict[str, Any]:
            return {"listener": type("Listener", (), {"port": 5})}

    assert OUTPUTS.load_balancer
    secure = replace(OUTPUTS.load_balancer, listener_port=443, listener_protocol="HTTPS", **balancer)
    api = replace(OUTPUTS.services["api"], host=host, path="/*")
    outputs = replace(OUTPUTS, load_balancer=secure, services={"api": api})
    monkeypatch.setattr(targets.LocalTarget, "_cloud", lambda _: Cloud())
    assert targets.make("local", tmp_path, "eu-west-1").urls(outputs) == {"api": local}
    assert targets.make("aws", tmp_path, "eu-west-1").urls(outputs) == {"api": aws}


def test_the_wrong_account_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets.AwsTarget, "_account", lambda _: "111111111111")
    target = targets.make("aws", tmp_path, "eu-west-1")
    target.check(account="111111111111", images=["x"])
    target.check(account=None, images=[])
    with pytest.raises(RefusedError, match="these credentials are for account 111111111111"):
        target.check(account="222222222222", images=[])


def test_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(RefusedError, match="AWS doesn't know who you are"):
        targets.make("aws", tmp_path, "eu-west-1").check(account=None, images=[])


def test_a_profile_of_the_user_does_not_matter_on_the_local_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", "http://elsewhere")
    client = targets.LocalTarget(tmp_path, "eu-west-1")._clients("http://127.0.0.1:1")("ecs")
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    assert client.meta.region_name == "eu-west-1"
