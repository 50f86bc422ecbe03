"""A real Docker engine, a probe image built FROM scratch, and a runner on it with clients in memory."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import tarfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from ecs_stack.local.ecs.runner import DockerTaskRunner, TaskRun, TaskState
from tests.local.runner.fakes import FakeClients

HERE = Path(__file__).parent
#: Of this process alone: another one's goes when its tests are over.
IMAGE = f"ecs-stack-runner-probe:{os.getpid()}"
REGION = "eu-west-1"
GROUP = "/ecs/test"


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The Docker engine that the environment names."""
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The probe, compiled statically."""
    binary = tmp_path_factory.mktemp("probe") / "probe"
    subprocess.run(
        ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(binary), "."],
        cwd=HERE / "probe",
        env={**os.environ, "CGO_ENABLED": "0"},
        check=True,
    )
    return binary


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient, probe: Path) -> Iterator[str]:
    """An image of the probe, from nothing else."""
    context = io.BytesIO()
    dockerfile = (
        b"FROM scratch\nCOPY probe /probe\nWORKDIR /srv/app\nENV FROM_IMAGE=yes\n"
        b'HEALTHCHECK CMD ["/probe", "exit", "1"]\nENTRYPOINT ["/probe"]\nCMD ["serve", "8080"]\n'
    )
    with tarfile.open(fileobj=context, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile))
        tar.add(probe, "probe")
    context.seek(0)
    engine.images.build(fileobj=context, custom_context=True, tag=IMAGE, rm=True)
    yield IMAGE
    engine.images.remove(IMAGE, force=True)


class Bench:
    """A runner with what a test needs around it."""

    def __init__(self, engine: docker.DockerClient, root: Path) -> None:
        self.engine = engine
        self.root = root
        self.clients = FakeClients()
        self.clients.logs.create_log_group(logGroupName=GROUP)
        self.history: dict[str, list[TaskState]] = {}
        self.changed = threading.Condition()
        self.runs: dict[str, TaskRun] = {}
        self.runner = self.make_runner()

    def make_runner(self, endpoint: str | None = None) -> DockerTaskRunner:
        runner = DockerTaskRunner(
            docker=docker.from_env(),
            root=self.root,
            clients=self.clients,
            endpoint_for_containers=endpoint,
        )
        runner.listen(self._note)
        return runner

    def _note(self, state: TaskState) -> None:
        with self.changed:
            self.history.setdefault(state.arn, []).append(state)
            self.changed.notify_all()

    def run(self, *containers: dict[str, Any], group: str = "service:api", **definition: Any) -> TaskRun:
        """A task to launch. Keywords are the task definition's; ``overrides`` is RunTask's."""
        overrides = definition.pop("overrides", {})
        task_id = uuid.uuid4().hex
        run = TaskRun(
            arn=f"arn:aws:ecs:{REGION}:000000000000:task/test/{task_id}",
            cluster="test",
            region=REGION,
            group=group,
            zone="eu-west-1b",
            private_ip="10.20.1.7",
            subnet_id="subnet-1",
            definition={
                "family": "test-api",
                "revision": 3,
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "containerDefinitions": list(containers),
                **definition,
            },
            overrides=overrides,
        )
        self.runs[run.arn] = run
        return run

    def launch(self, *containers: dict[str, Any], **definition: Any) -> TaskRun:
        run = self.run(*containers, **definition)
        self.runner.launch(run)
        return run

    def wait(self, run: TaskRun, check: Callable[[TaskState], bool] | str, timeout: float = 15) -> TaskState:
        """The first state, past or to come, that satisfies ``check``; a string is a ``last_status``."""
        wanted = (lambda s: s.last_status == check) if isinstance(check, str) else check
        deadline = time.monotonic() + timeout
        with self.changed:
            for position in itertools.count():
                while len(self.history.get(run.arn, [])) <= position:
                    left = deadline - time.monotonic()
                    if left <= 0 or not self.changed.wait(left):
                        raise AssertionError(f"not in {timeout} s; last: {self.history.get(run.arn, [None])[-1]}")
                state = self.history[run.arn][position]
                if wanted(state):
                    return state
        raise AssertionError

    def up(self, *containers: dict[str, Any], **definition: Any) -> TaskRun:
        """Launch and wait until the task runs."""
        run = self.launch(*containers, **definition)
        state = self.wait(run, lambda s: s.last_status in ("RUNNING", "STOPPED"))
        assert state.last_status == "RUNNING", (state.stop_code, state.stopped_reason, state.containers)
        return run

    def call(self, run: TaskRun, route: str, /, *, port: int = 8080, **query: str) -> str:
        """What the task's probe answers on a container port, once it listens."""
        for _ in range(100):
            try:
                return self.call_once(run, route, port=port, **query)
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"no answer from {route}")

    def call_once(self, run: TaskRun, route: str, /, *, port: int = 8080, **query: str) -> str:
        """As ``call``, without a second try. Raises OSError."""
        host_port = self.runner.state(run.arn).host_ports[port]  # type: ignore[union-attr]
        url = f"http://127.0.0.1:{host_port}{route}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"

    def stop(self, run: TaskRun, reason: str = "enough") -> TaskState:
        self.runner.stop(run.arn, stop_code="UserInitiated", reason=reason)
        return self.wait(run, "STOPPED")

    def docker_id(self, run: TaskRun, container: str) -> str:
        state = self.runner.state(run.arn)
        assert state is not None
        return next(c.runtime_id for c in state.containers if c.name == container)  # type: ignore[return-value]

    def pause_id(self, run: TaskRun) -> str:
        labels = [f"ecs-stack.task={run.id}", "ecs-stack.container=~internal~ecs~pause"]
        (pause,) = self.engine.api.containers(filters={"label": labels})
        return pause["Id"]  # type: ignore[no-any-return]

    def left(self) -> list[str]:
        """Docker objects with this bench's label."""
        filters = {"label": f"ecs-stack.root={self.root}"}
        return [
            *(c["Names"][0] for c in self.engine.api.containers(all=True, filters=filters)),
            *(v["Name"] for v in self.engine.api.volumes(filters=filters)["Volumes"] or ()),
            *(n["Name"] for n in self.engine.api.networks(filters=filters)),
        ]

    def close(self) -> None:
        for run in self.runs.values():
            self.runner.stop(run.arn, stop_code="UserInitiated", reason="end of test")
        deadline = time.monotonic() + 20
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.runner.close()
        assert self.left() == []


@pytest.fixture
def bench(engine: docker.DockerClient, image: str, tmp_path: Path) -> Iterator[Bench]:
    """A runner of its own for one test; afterwards nothing of it may be left on the Docker engine."""
    made = Bench(engine, tmp_path.resolve())
    yield made
    made.close()


def container(name: str = "app", **definition: Any) -> dict[str, Any]:
    """A container definition around the probe, which listens out of the way of ``serving``'s."""
    definition.setdefault("command", ["serve", "9000"])
    return {"name": name, "image": IMAGE, "essential": True, "stopTimeout": 2, **definition}


def serving(name: str = "app", port: int = 8080, **definition: Any) -> dict[str, Any]:
    """A probe that answers on ``port``."""
    definition.setdefault("command", ["serve", str(port)])
    definition.setdefault("portMappings", [{"containerPort": port, "protocol": "tcp"}])
    return container(
        name,
        **definition,
    )


def logging_to(group: str = GROUP, **options: str) -> dict[str, Any]:
    """A logConfiguration."""
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": group,
            "awslogs-region": REGION,
            "awslogs-stream-prefix": "svc",
            **{k.replace("_", "-"): v for k, v in options.items()},
        },
    }
