"""Stand-ins for what Amazon ECS talks to: a runner in memory, EC2, Elastic Load Balancing, EventBridge."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ecs_stack.local.addresses import AddressBook
from ecs_stack.local.ecs import EcsService
from ecs_stack.local.ecs.runner.model import ContainerState, TaskRun, TaskRunner, TaskState

REGION, ACCOUNT = "eu-west-1", "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/execution"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/api/0123456789abcdef"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-1"]}}
FARGATE = {"launchType": "FARGATE", "networkConfiguration": NETWORK}


class FakeRunner(TaskRunner):
    """Tasks that run at once. An image's name says what becomes of it.

    ``crash``: exits with 1 as soon as it runs. ``no-such``: can't be pulled. ``manual``: stays PENDING until
    the test moves it. ``sick``: its container health check fails. Any other: RUNNING, and HEALTHY if checked.
    """

    def __init__(self) -> None:
        self.runs: dict[str, TaskRun] = {}
        self.states: dict[str, TaskState] = {}
        self.stops: list[tuple[str, str, str]] = []
        self.listeners: list[Callable[[TaskState], None]] = []
        self.hold_stops = False
        self._lock = threading.RLock()
        self._port = 40000

    def launch(self, run: TaskRun) -> None:
        with self._lock:
            self.runs[run.arn] = run
        self.report(run.arn, "PENDING")
        image = run.definition["containerDefinitions"][0]["image"]
        if image.startswith("no-such"):
            reason = f"CannotPullContainerError: pull access denied for {image}"
            self.report(run.arn, "STOPPED", stop_code="TaskFailedToStart", stopped_reason=reason)
        elif not image.startswith("manual"):
            self.become_running(run.arn, "UNHEALTHY" if image.startswith("sick") else "HEALTHY")
            if image.startswith("crash"):
                self.kill(run.arn, exit_code=1)

    def become_running(self, arn: str, health: str = "HEALTHY") -> None:
        with self._lock:
            self._port += 1
            port = self._port
        definition = self.runs[arn].definition["containerDefinitions"]
        checked = any("healthCheck" in container for container in definition)
        ports = {m["containerPort"]: port for c in definition for m in c["portMappings"]}
        self.report(arn, "RUNNING", host_ports=ports, health=health if checked else "UNKNOWN")

    def kill(self, arn: str, exit_code: int = 137) -> None:
        """The essential container ends by itself."""
        self.report(
            arn,
            "STOPPED",
            exit_code=exit_code,
            stop_code="EssentialContainerExited",
            stopped_reason="Essential container in task exited",
        )

    def report(
        self, arn: str, status: str, *, health: str = "UNKNOWN", exit_code: int | None = None, **more: Any
    ) -> None:
        with self._lock:
            now = datetime.now(UTC)
            before = self.states.get(arn)
            if status == "RUNNING":
                more["started_at"] = now
            if status == "STOPPED":
                more |= {"stopped_at": now, "started_at": before.started_at if before else None}
            container_status = status if status in ("RUNNING", "STOPPED") else "PENDING"
            self.states[arn] = TaskState(
                arn=arn,
                last_status=status,
                containers=tuple(
                    ContainerState(
                        name=c["name"],
                        last_status=container_status,
                        health_status=health,
                        exit_code=exit_code,
                        image_digest="sha256:" + "0" * 64,
                    )
                    for c in self.runs[arn].definition["containerDefinitions"]
                ),
                health_status=health,
                **more,
            )
        for listener in self.listeners:
            listener(self.states[arn])

    def stop(self, arn: str, *, stop_code: str, reason: str) -> None:
        self.stops.append((arn, stop_code, reason))
        if not self.hold_stops and arn in self.states and self.states[arn].last_status != "STOPPED":
            self.report(arn, "STOPPED", exit_code=143, stop_code=stop_code, stopped_reason=reason)

    def state(self, arn: str) -> TaskState | None:
        return self.states.get(arn)

    def adopt(self, runs: Iterable[TaskRun]) -> None:
        for run in runs:
            if run.arn in self.states:
                for listener in self.listeners:
                    listener(self.states[run.arn])
            else:
                self.runs[run.arn] = run
                self.kill(run.arn)

    def listen(self, listener: Callable[[TaskState], None]) -> None:
        self.listeners.append(listener)

    def close(self) -> None:
        self.listeners.clear()

    def running(self) -> list[str]:
        return [arn for arn, state in self.states.items() if state.last_status == "RUNNING"]


def _error(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class FakeEc2:
    """Two subnets in two zones of one VPC, one tiny subnet, one elsewhere."""

    subnets: ClassVar = {
        "subnet-a": ("eu-west-1a", "vpc-1", "10.20.0.0/24"),
        "subnet-b": ("eu-west-1b", "vpc-1", "10.20.1.0/24"),
        "subnet-tiny": ("eu-west-1a", "vpc-1", "10.20.2.0/28"),
        "subnet-other": ("eu-west-1a", "vpc-2", "10.30.0.0/24"),
    }

    def describe_subnets(self, SubnetIds: list[str]) -> dict[str, Any]:
        for subnet in SubnetIds:
            if subnet not in self.subnets:
                text = f"The subnet ID '{subnet}' does not exist"
                raise _error("InvalidSubnetID.NotFound", text, "DescribeSubnets")
        names = ("AvailabilityZone", "VpcId", "CidrBlock")
        return {"Subnets": [{"SubnetId": s, **dict(zip(names, self.subnets[s], strict=True))} for s in SubnetIds]}

    def describe_security_groups(self, GroupIds: list[str]) -> dict[str, Any]:
        for group in GroupIds:
            if not group.startswith("sg-1"):
                text = f"The security group '{group}' does not exist"
                raise _error("InvalidGroup.NotFound", text, "DescribeSecurityGroups")
        return {"SecurityGroups": [{"GroupId": group, "VpcId": "vpc-1"} for group in GroupIds]}


class FakeElb:
    """A target group on a load balancer. ``verdict`` says how each target fares."""

    def __init__(self, addresses: AddressBook) -> None:
        self.addresses = addresses
        self.targets: dict[tuple[str, int], str] = {}
        self.log: list[tuple[str, str]] = []
        self.unpublished: list[str] = []
        self.verdict: Callable[[str], str] = lambda ip: "healthy"
        self.hold_draining = False
        self.refusing = False
        self.groups = {
            GROUP: {"TargetGroupArn": GROUP, "TargetType": "ip", "LoadBalancerArns": ["arn:lb"]},
            GROUP + "1": {"TargetGroupArn": GROUP + "1", "TargetType": "ip", "LoadBalancerArns": []},
            GROUP + "2": {
                "TargetGroupArn": GROUP + "2",
                "TargetType": "instance",
                "LoadBalancerArns": ["arn:lb"],
            },
        }

    def describe_target_groups(self, TargetGroupArns: list[str]) -> dict[str, Any]:
        if TargetGroupArns[0] not in self.groups:
            raise _error("TargetGroupNotFound", "One or more target groups not found", "DescribeTargetGroups")
        return {"TargetGroups": [self.groups[arn] for arn in TargetGroupArns]}

    def register_targets(self, TargetGroupArn: str, Targets: list[dict[str, Any]]) -> None:
        if self.refusing:
            raise _error("TooManyTargets", "You've reached the limit on the number of targets.", "RegisterTargets")
        for target in Targets:
            if self.addresses.resolve("vpc-1", target["Id"], target["Port"]) is None:
                self.unpublished.append(target["Id"])
            self.targets[target["Id"], target["Port"]] = "registered"
            self.log.append(("register", target["Id"]))

    def deregister_targets(self, TargetGroupArn: str, Targets: list[dict[str, Any]]) -> None:
        for target in Targets:
            self.targets[target["Id"], target["Port"]] = "draining"
            self.log.append(("deregister", target["Id"]))

    def describe_target_health(self, TargetGroupArn: str) -> dict[str, Any]:
        found = []
        for (ip, port), state in list(self.targets.items()):
            if state == "draining" and not self.hold_draining:
                del self.targets[ip, port]
                continue
            health = {"State": "draining" if state == "draining" else self.verdict(ip)}
            if health["State"] == "unhealthy":
                health["Description"] = "Health checks failed with these codes: [503]"
            found.append({"Target": {"Id": ip, "Port": port}, "TargetHealth": health})
        return {"TargetHealthDescriptions": found}


class FakeIam:
    """Every role can be assumed, but one called ``ghost`` doesn't exist, and ``lambda`` is for Lambda."""

    def get_role(self, RoleName: str) -> dict[str, Any]:
        if RoleName == "ghost":
            raise _error("NoSuchEntity", "The role with name ghost cannot be found.", "GetRole")
        principal = "lambda.amazonaws.com" if RoleName == "lambda" else "ecs-tasks.amazonaws.com"
        trust = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}
        return {"Role": {"AssumeRolePolicyDocument": {"Statement": [trust]}}}


class FakeEvents:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.broken = False

    def put_events(self, Entries: list[dict[str, Any]]) -> None:
        if self.broken:
            raise _error("InternalException", "no", "PutEvents")
        self.entries += Entries


class Cloud:
    """An EcsService with its surroundings, served over HTTP, and a boto3 client on it."""

    def __init__(self, state_dir: Path, runner: FakeRunner | None) -> None:
        self.state_dir = state_dir
        self.runner = runner
        self.addresses = AddressBook()
        self.elb = FakeElb(self.addresses)
        self.ec2 = FakeEc2()
        self.events = FakeEvents()
        self.iam = FakeIam()
        self._start()

    def _start(self) -> None:
        self.service = EcsService(
            state_dir=self.state_dir,
            account=ACCOUNT,
            clients=self.client,
            runner=self.runner,
            addresses=self.addresses,
        )
        self.server = serve(self.service)
        self.ecs = ecs_client(self.server.server_port)
        self.service.start()

    def client(self, service: str, region: str) -> Any:
        return {"ec2": self.ec2, "elbv2": self.elb, "events": self.events, "iam": self.iam}[service]

    def restart(self) -> None:
        """Stop and start again on the same state."""
        self.close()
        if self.runner is not None:
            self.runner.listeners.clear()
        self._start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.service.stop()

    def register(self, image: str = "good:1", *, family: str = "api", **container: Any) -> str:
        """A small Fargate task definition; its ARN."""
        answer = self.ecs.register_task_definition(**definition(image, family=family, **container))
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def create_service(self, name: str = "api", *, image: str = "good:1", count: int = 2, **more: Any) -> None:
        """A service in the cluster ``dev``, which is made on the way."""
        self.ecs.create_cluster(clusterName="dev")
        if "taskDefinition" not in more:
            more["taskDefinition"] = self.register(image)
        self.ecs.create_service(cluster="dev", serviceName=name, desiredCount=count, **FARGATE, **more)

    def describe(self, name: str = "api") -> dict[str, Any]:
        answer: dict[str, Any] = self.ecs.describe_services(cluster="dev", services=[name])["services"][0]
        return answer

    def tasks(self, status: str = "RUNNING", **more: Any) -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster="dev", desiredStatus=status, **more)["taskArns"]
        if not arns:
            return []
        found: list[dict[str, Any]] = self.ecs.describe_tasks(cluster="dev", tasks=arns)["tasks"]
        return found

    def messages(self, name: str = "api") -> list[str]:
        """Service events, oldest first, without the ids of tasks."""
        return [event["message"] for event in reversed(self.describe(name)["events"])]

    def steady(self, name: str = "api", timeout: float = 10) -> dict[str, Any]:
        """Wait for the service's deployment to complete."""
        until(lambda: self.describe(name)["deployments"][0]["rolloutState"] == "COMPLETED", timeout)
        until(lambda: len(self.describe(name)["deployments"]) == 1, timeout)
        return self.describe(name)


def definition(image: str = "good:1", *, family: str = "api", **container: Any) -> dict[str, Any]:
    """RegisterTaskDefinition's parameters for one container on Fargate."""
    return {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": ROLE,
        "containerDefinitions": [
            {"name": "app", "image": image, "portMappings": [{"containerPort": 8080}], **container}
        ],
    }


def until(condition: Callable[[], Any], timeout: float = 10) -> Any:
    """Wait until something holds; AssertionError if it never does."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.03)
    raise AssertionError("waited in vain")


def serve(service: EcsService) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer: two would wait for the kernel's delayed acknowledgement

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            region = self.headers["Authorization"].split("Credential=")[1].split("/")[2]
            status, headers, answer = service.handle(region=region, target=self.headers["X-Amz-Target"], body=body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def ecs_client(port: int, region: str = REGION) -> Any:
    return boto3.client(
        "ecs",
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=50),
    )


@contextmanager
def cloud_at(path: Path, runner: FakeRunner | None) -> Iterator[Cloud]:
    cloud = Cloud(path, runner)
    try:
        yield cloud
    finally:
        cloud.close()
