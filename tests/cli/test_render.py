"""What results look like: trees, summaries, receipts, progress, status."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from ecs_stack.outputs import StackOutputs
from ecs_stack.render import changes, documents, progress, receipts, status
from ecs_stack.render.words import duration, sentence, shorten
from ecs_stack.results import (
    ChangeKind,
    ChangeSummary,
    DeploymentStatus,
    DriftKind,
    EnvironmentStatus,
    LocalContainer,
    LocalListener,
    LocalProcess,
    LocalStatus,
    LogLine,
    Progress,
    PropertyChange,
    ResetReceipt,
    ResourceChange,
    ResourceDrift,
    Rollout,
    RolloutState,
    ServiceEvent,
    ServiceStatus,
    StoppedTask,
    UpReceipt,
)

AT = datetime(2026, 5, 1, 10, 0, 5, 120_000, tzinfo=UTC)


def change(
    name: str, kind: ChangeKind, parent: str | None, type_: str = "aws:ec2/vpc:Vpc", **more: Any
) -> ResourceChange:
    return ResourceChange(urn=name, type=type_, name=name, kind=kind, parent=parent, **more)


def shown(renderable: RenderableType, width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    console.print(renderable)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_a_tree_shows_what_changes_under_its_components() -> None:
    updated = PropertyChange(path="count", before="2", after="3")
    replaced = PropertyChange(path="cidr", before="10.0.0.0/16", after="10.1.0.0/16", forces_replacement=True)
    tree = changes.tree(
        [
            change("dev", ChangeKind.SAME, None, "pulumi:pulumi:Stack"),
            change("net", ChangeKind.SAME, "dev", "ecs-stack:index:Network"),
            change("vpc", ChangeKind.REPLACE, "net", properties=(replaced,)),
            change("old", ChangeKind.DELETE, "net"),
            change("quiet", ChangeKind.SAME, "dev"),
            change("api", ChangeKind.UPDATE, "dev", "aws:ecs/service:Service", properties=(updated,)),
            change("new", ChangeKind.CREATE, "api", "aws:iam/role:Role"),
        ]
    )
    assert [line.plain.rstrip() for line in tree] == [
        "   Stack dev",
        "   ├─ Network net",
        "+- │  ├─ Vpc vpc",
        "   │  │     cidr: 10.0.0.0/16 -> 10.1.0.0/16 (replaces it)",
        "-  │  └─ Vpc old",
        "~  └─ Service api",
        "      │  count: 2 -> 3",
        "+     └─ Role new",
    ]


def test_long_values_are_cut_and_additions_are_named() -> None:
    added = PropertyChange(path="policy", after="x" * 200)
    removed = PropertyChange(path="tag", before="a\nb")
    lines = changes.tree([change("vpc", ChangeKind.UPDATE, None, properties=(added, removed))])
    assert lines[1].plain.strip() == f"policy: {'x' * 79}… (new)"
    assert lines[2].plain.strip() == "tag: a b (removed)"


def test_drift_is_told_in_words() -> None:
    properties = (PropertyChange(path="healthCheck.path", before="/health", after="/wrong"),)
    found = [
        ResourceDrift(urn="l", type="aws:cloudwatch/logGroup:LogGroup", name="dev-api", kind=DriftKind.DELETED),
        ResourceDrift(
            urn="t",
            type="aws:lb/targetGroup:TargetGroup",
            name="dev-api",
            kind=DriftKind.CHANGED,
            properties=properties,
        ),
    ]
    assert [line.plain for line in changes.drift(found)] == [
        "Since the last run, not by ecs-stack:",
        "!  LogGroup dev-api was deleted",
        "!  TargetGroup dev-api was changed",
        "      healthCheck.path: /health -> /wrong",
    ]
    assert changes.drift([]) == []


def test_summaries() -> None:
    counts = ChangeSummary(create=3, update=1, replace=2, same=12)
    assert changes.summary(counts) == "3 to create, 1 to change, 2 to replace, 12 unchanged"
    assert changes.summary(counts, done=True) == "3 created, 1 changed, 2 replaced, 12 unchanged"
    assert changes.summary(ChangeSummary()) == "nothing"


def test_a_receipt_says_how_each_service_ended() -> None:
    rollouts = (
        Rollout(service="api", state=RolloutState.ROLLED_BACK, requested_revision="a:2", running_revision="a:1"),
        Rollout(service="web", state=RolloutState.UNCHANGED, requested_revision="w:1", running_revision="w:1"),
    )
    receipt = UpReceipt(
        environment="dev",
        changes=(),
        summary=ChangeSummary(update=1),
        rollouts=rollouts,
        urls={"web": "http://localhost:1/"},
        duration=65,
    )
    assert [line.plain.rstrip() for line in receipts.up(receipt)] == [
        "dev: 1 changed (1 min 5 s)",
        "  api  a:1  rolled back",
        "  web  w:1  runs as before  http://localhost:1/",
    ]


def test_what_a_reset_removed() -> None:
    receipt = ResetReceipt(
        processes=1, containers=2, networks=0, volumes=0, paths=("/x/.ecs-stack/local",), stacks=("dev",)
    )
    assert [line.plain for line in receipts.reset(receipt)] == [
        "Removed 1 process, 2 containers, 0 networks, 0 volumes",
        "  /x/.ecs-stack/local",
        "  the stack of dev",
    ]


SERVICE = ServiceStatus(
    name="api",
    status="ACTIVE",
    desired=2,
    running=1,
    pending=1,
    healthy=1,
    revision="dev-api:2",
    image="ecs-stack-demo:1",
    url="http://localhost:34567/",
    deployments=(
        DeploymentStatus(
            id="1", status="PRIMARY", rollout_state="IN_PROGRESS", revision="dev-api:2", desired=2, running=1, failed=1
        ),
    ),
    events=(ServiceEvent(at=AT, message="(service api) has started 1 tasks"),),
    stopped_tasks=(
        StoppedTask(id="4f2a91c3d0", stopped_at=AT, revision="dev-api:2", reason="container api exited with code 1"),
    ),
)


def test_status() -> None:
    found = EnvironmentStatus(environment="dev", target="local", cluster="dev", services=(SERVICE,))
    assert shown(status.environment(found)) == [
        "dev on local, cluster dev",
        "SERVICE  DESIRED  RUNNING  HEALTHY  REVISION   IMAGE             URL",
        "api            2        1        1  dev-api:2  ecs-stack-demo:1  http://localhost:34567/",
        "",
        "api",
        "  PRIMARY dev-api:2: IN_PROGRESS, 1 of 2 running, 1 failed",
        "  2026-05-01 10:00:05  (service api) has started 1 tasks",
        "  2026-05-01 10:00:05  task 4f2a91c3 (dev-api:2) stopped: container api exited with code 1",
    ]


def test_status_in_blocks() -> None:
    found = EnvironmentStatus(environment="dev", target="local", cluster="dev", services=(SERVICE,))
    assert shown(status.environment(found), 50)[1:8] == [
        "api",
        "  desired: 2",
        "  running: 1",
        "  healthy: 1",
        "  revision: dev-api:2",
        "  image: ecs-stack-demo:1",
        "  url: http://localhost:34567/",
    ]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_status_fits_narrow_terminals(width: int) -> None:
    found = EnvironmentStatus(environment="dev", target="local", cluster="dev", services=(SERVICE,))
    lines = shown(status.environment(found), width)
    assert max(map(len, lines)) <= width
    assert "34567" in "".join(lines).replace(" ", "")


def test_a_table_has_no_spaces_at_its_ends() -> None:
    table = status.Columns("name", ">count", "where")
    table.add_row("a", "5", "x")
    table.add_row("long", "12", "yy\nzzz")
    assert shown(table) == ["NAME  COUNT  WHERE", "a         5  x", "long     12  yy", "             zzz"]


def test_outputs_are_whole_however_long() -> None:
    outputs = StackOutputs(
        environment="dev",
        region="eu-west-1",
        vpc_id="vpc-1",
        cluster_name="dev",
        cluster_arn="arn:" + "x" * 400,
        private_subnet_ids=("subnet-1", "subnet-2"),
    )
    lines = shown(status.outputs(outputs), width=1000)
    assert "cluster_arn            arn:" + "x" * 400 in lines
    assert "private_subnet_ids[1]  subnet-2" in lines
    assert not any("billables" in line for line in lines)


def test_the_local_cloud() -> None:
    found = LocalStatus(
        running=True,
        endpoint="http://127.0.0.1:4000",
        processes=(LocalProcess(name="gateway", pid=7, addresses=("127.0.0.1:4000",)),),
        containers=(LocalContainer(name="t1", image="demo:1", state="running", ports=("127.0.0.1:3 -> 80/tcp",)),),
        listeners=(LocalListener(load_balancer="dev", port=5, url="http://localhost:5"),),
        docker="Docker 27 at unix:///x",
        versions={"moto": "5.2.5"},
    )
    text = "\n".join(shown(status.local(found)))
    for word in ("http://127.0.0.1:4000", "Docker 27", "gateway", "t1", "http://localhost:5", "moto 5.2.5"):
        assert word in text
    assert shown(status.local(LocalStatus(running=False)))[0] == "The local cloud isn't running"


def test_log_lines_cannot_steer_the_terminal() -> None:
    line = LogLine(at=AT, service="api", task="4f2a91c3d0e1", message="a\tb \x1b[2Jc")
    assert status.log_line(line, service=True).plain == "10:00:05.120 api 4f2a91c3 a\tb �[2Jc"
    assert status.log_line(line, service=False).plain.startswith("10:00:05.120 4f2a91c3 ")


def test_progress_on_a_terminal() -> None:
    step = Progress(message="creating Vpc dev", done=12, total=34, waiting_for=("Vpc dev", "Role api"))
    assert progress.live_text(step, 41.3).plain == "12 of 34  41 s  Vpc dev, Role api"
    assert progress.live_text(Progress(message="building"), 2).plain == "2.0 s  building"
    assert progress.live_text(Progress(message="previewing dev", done=7), 2).plain == "7  2.0 s  previewing dev"


def test_the_live_line_is_one_line_on_a_narrow_terminal() -> None:
    console = Console(file=io.StringIO(), width=40, force_terminal=True, color_system=None)
    waiting = tuple(f"RouteTableAssociation dev-private-{n}" for n in range(5))
    with progress.shown(console) as steps:
        steps(Progress(message="", done=3, total=47, waiting_for=waiting))
        assert isinstance(steps, progress._LiveLine)
        (line,) = console.render_lines(steps.__rich__(), pad=False)
    text = "".join(segment.text for segment in line)
    assert "3 of 47" in text
    assert text.endswith("…")
    assert len(text) <= 40


def test_progress_in_plain_lines() -> None:
    begins = Progress(message="creating Vpc dev", done=12, total=34, waiting_for=("Vpc dev",))
    ends = Progress(message="created Vpc dev", done=13, total=34)
    assert progress.plain_text(begins) is None
    assert progress.plain_text(ends) == "[13/34] created Vpc dev"
    assert progress.plain_text(Progress(message="", done=1, total=2)) is None
    console = Console(file=io.StringIO(), width=40)
    with progress.shown(console) as steps:
        for step in (begins, ends, ends, Progress(message="building the engine")):
            steps(step)
    assert console.file.getvalue().splitlines() == ["[13/34] created Vpc dev", "building the engine"]  # type: ignore[attr-defined]


def test_documents_have_the_fields_of_the_results() -> None:
    found = json.loads(documents.document((SERVICE,)))[0]
    assert found["events"] == [{"at": AT.isoformat(), "message": "(service api) has started 1 tasks"}]
    assert found["healthy"] == 1
    assert json.loads(documents.document(change("a", ChangeKind.CREATE, None)))["kind"] == "create"


def test_words() -> None:
    assert [duration(s) for s in (0.84, 41.3, 185)] == ["0.8 s", "41 s", "3 min 5 s"]
    assert shorten("a\n b", 9) == "a b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("there is no stack", "There is no stack"),
        ("isn't there", "Isn't there"),
        ("interrupted: 3 of 5", "Interrupted: 3 of 5"),
        ("pr-42 stands on dev", "pr-42 stands on dev"),
        ("github:x must be github:OWNER/REPOSITORY", "github:x must be github:OWNER/REPOSITORY"),
        ("envs/dev.yaml can't be read", "envs/dev.yaml can't be read"),
        ("", ""),
    ],
)
def test_a_name_gets_no_capital_at_the_start_of_a_sentence(text: str, expected: str) -> None:
    assert sentence(text) == expected
