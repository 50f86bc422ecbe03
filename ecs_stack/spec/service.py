"""A long-running ECS service, as an environment file describes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from ecs_stack.rules import deployment, fargate, health, images, policies, routes, secrets
from ecs_stack.spec.base import NOT_EMPTY, Model, Path, Strings, refuse, rule

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def _variable_problem(name: str) -> str | None:
    if _VARIABLE.fullmatch(name):
        return None
    return "isn't a variable's name: letters, digits and _, no digit at the start"


def _image_problem(image: str) -> str | None:
    if images.parse(image):
        return None
    return f"'{image}' isn't an image reference, such as ghcr.io/acme/api:1.4.2"


def _user_problem(user: str) -> str | None:
    return None if user.strip() else "must be a user's number or name, such as 1000:1000"


# Named outside the models: inside, a field hides the module of the same name.
Variable = Annotated[str, rule(_variable_problem)]
SecretReference = Annotated[str, rule(secrets.problem)]
Actions = Annotated[tuple[Annotated[str, rule(policies.action_problem)], ...], Strict(False), NOT_EMPTY]
Resources = Annotated[tuple[Annotated[str, rule(policies.resource_problem)], ...], Strict(False), NOT_EMPTY]


class Health(Model):
    """How the load balancer finds out whether a task is well.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """

    path: Annotated[str, rule(health.path_problem)] = "/"
    """The path that is asked for."""
    interval: Annotated[int, Field(ge=5, le=300)] = 10
    """Seconds between two checks of a task."""
    timeout: Annotated[int, Field(ge=2, le=120)] = 5
    """Seconds without an answer that make a check fail; less than the interval."""
    healthy_threshold: Annotated[int, Field(ge=2, le=10)] = 2
    """Checks in a row that make an unhealthy task healthy."""
    unhealthy_threshold: Annotated[int, Field(ge=2, le=10)] = 3
    """Failed checks in a row that make a task unhealthy; ECS replaces it."""
    matcher: Annotated[str, rule(health.matcher_problem)] = "200"
    """The HTTP codes that count as well: 200, 200-299, or 200,301."""
    grace_period: Annotated[int, Field(ge=0, le=2_147_483_647)] = 30
    """Seconds after its start in which ECS doesn't replace an unhealthy task."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.timeout >= self.interval:
            text = f"{self.timeout} must be less than the interval, {self.interval}"
            refuse(self, [(("timeout",), text)])
        return self


class Route(Model):
    """The requests that the load balancer sends to a service. Specific routes go before general ones."""

    path: Annotated[str, rule(routes.path_problem)] = routes.ANY_PATH
    """The path, with the wildcards * and ?; /* is every path."""
    host: Annotated[str, rule(routes.host_problem)] | None = None
    """The host name, with the wildcards * and ?; without it, every host."""
    priority: Annotated[int, Field(ge=1, le=routes.MAX_PRIORITY)] | None = None
    """The listener rule's priority, lowest first; made from path, host and service without it."""

    @property
    def listener_rule(self) -> routes.Route:
        """The route as the rules know it."""
        return routes.Route(path=self.path, host=self.host, priority=self.priority)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if problem := routes.wildcard_problem(self.listener_rule):
            refuse(self, [((), problem)])
        return self


class Scale(Model):
    """How many tasks run, between two bounds, to keep a load."""

    min: Annotated[int, Field(ge=1, le=5000)]
    """The fewest tasks, and how many there are at first."""
    max: Annotated[int, Field(ge=1, le=5000)]
    """The most tasks."""
    cpu: Annotated[int, Field(ge=1, le=100)] | None = None
    """The average CPU use to keep, in percent of the task's CPU."""
    memory: Annotated[int, Field(ge=1, le=100)] | None = None
    """The average memory use to keep, in percent of the task's memory."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        broken: list[tuple[Path, str]] = []
        if self.min > self.max:
            broken.append((("min",), f"{self.min} is more than max, {self.max}"))
        if self.cpu is None and self.memory is None:
            broken.append(((), "needs something to scale by, in percent: cpu, memory, or both"))
        refuse(self, broken)
        return self


class Deploy(Model):
    """How far a rolling deployment may go below and above the wanted number of tasks.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
    """

    minimum_percent: Annotated[int, Field(ge=0, le=100)] = 100
    """Healthy tasks that always run, in percent of the wanted number."""
    maximum_percent: Annotated[int, Field(ge=100, le=200)] = 200
    """Tasks that may run at a time, in percent of the wanted number."""


class Permission(Model):
    """Something that the service's code may do in AWS."""

    actions: Actions
    """IAM actions, such as s3:GetObject."""
    resources: Resources
    """ARNs of what the actions are allowed on; * only for actions that know no resources."""


class Service(Model):
    """A long-running ECS service on Fargate.

    With ``route`` it is behind the load balancer, and needs a ``port``; without, it is a worker that nothing
    reaches.
    """

    image: Annotated[str, rule(_image_problem)]
    """The container image, such as ghcr.io/acme/api:1.4.2."""
    cpu: Annotated[int, rule(fargate.cpu_problem), Field(json_schema_extra={"enum": [*fargate.SIZES]})]
    """CPU units; 1024 are one vCPU."""
    memory: int
    """MiB of memory."""
    architecture: Literal["X86_64", "ARM64"] = "X86_64"
    """The processor the image is for."""
    command: Strings | None = None
    """Instead of the image's command."""
    entrypoint: Strings | None = None
    """Instead of the image's entry point."""
    user: Annotated[str, rule(_user_problem)] = "1000:1000"
    """The user (and group) that the container runs as, by number or by a name in the image."""
    read_only_root: bool = True
    """Whether the root file system can't be written to."""
    environment: Mapping[Variable, str] = {}
    """Environment variables. Not for secrets."""
    secrets: Mapping[Variable, SecretReference] = {}
    """Environment variables by reference: ssm:/path, secretsmanager:NAME[#JSON_KEY], or an ARN."""
    permissions: Annotated[tuple[Permission, ...], Strict(False)] = ()
    """What the service's code may do in AWS; nothing else."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The port the container listens on."""
    route: Route | None = None
    """The requests that come here; without it the service isn't behind the load balancer."""
    health: Health = Health()
    """The load balancer's health check."""
    deregistration_delay: Annotated[int, Field(ge=0, le=3600)] = 30
    """Seconds that a task that leaves may take to finish its requests."""
    count: Annotated[int, Field(ge=0, le=5000)] | None = None
    """How many tasks run; 1 without it. Instead of scale."""
    scale: Scale | None = None
    """A range of tasks. Instead of count."""
    deploy: Deploy = Deploy()
    """The limits of a rolling deployment."""
    stop_timeout: Annotated[int, Field(ge=1, le=fargate.MAX_STOP_TIMEOUT)] = 30
    """Seconds between SIGTERM and SIGKILL when a task stops."""

    @property
    def initial_count(self) -> int:
        """The tasks there are at first: ``count``, or the least of ``scale``."""
        if self.scale:
            return self.scale.min
        return 1 if self.count is None else self.count

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self, [*self._task(), *self._reach(), *self._numbers()])
        return self

    def _task(self) -> Iterator[tuple[Path, str]]:
        if problem := fargate.memory_problem(self.cpu, self.memory):
            yield ("memory",), problem
        for name in self.secrets:
            if name in self.environment:
                yield ("secrets", name), "is in environment, too: keep one"

    def _reach(self) -> Iterator[tuple[Path, str]]:
        if self.route and self.port is None:
            yield ("route",), "needs a port: the one the container listens on, such as port: 8080"
        if self.route is None:
            for field in ("port", "health", "deregistration_delay"):
                if field in self.model_fields_set:
                    yield (field,), 'does nothing without a route: add one, such as route: {path: "/*"}'

    def _numbers(self) -> Iterator[tuple[Path, str]]:
        if self.count is not None and self.scale:
            yield ("count",), "can't stand beside scale, which owns the number of tasks: keep one"
        percents = (self.deploy.minimum_percent, self.deploy.maximum_percent)
        if problem := deployment.stuck_problem(self.initial_count, *percents):
            yield ("deploy",), problem
