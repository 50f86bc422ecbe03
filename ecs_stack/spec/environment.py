"""An environment: the whole of what ``envs/NAME.yaml`` describes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from ecs_stack.rules import domains, endpoints, ephemeral, images, logs, names, routes, secrets, subnets, tags
from ecs_stack.spec.base import NOT_EMPTY, Model, Path, refuse, rule
from ecs_stack.spec.ci import Ci
from ecs_stack.spec.service import Service
from ecs_stack.spec.state import State

_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d", re.ASCII)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)


def _region_problem(region: str) -> str | None:
    if _REGION.fullmatch(region):
        return None
    return f"must be an AWS region, such as eu-west-1, not '{region}'"


def _account_problem(account: str) -> str | None:
    return None if _ACCOUNT.fullmatch(account) else f"must be the account's 12 digits, not '{account}'"


def _twice(field: str, items: Sequence[str]) -> list[tuple[Path, str]]:
    text = "'{}' is here twice"
    return [((field, i), text.format(item)) for i, item in enumerate(items) if item in items[:i]]


# Named outside the models: inside, a field hides the module of the same name.
Endpoint = Annotated[str, rule(endpoints.problem), Field(json_schema_extra={"enum": [*endpoints.NAMES]})]
Endpoints = Annotated[tuple[Endpoint, ...], Strict(False)]
TagKey = Annotated[str, rule(tags.key_problem)]
TagValue = Annotated[str, rule(tags.value_problem)]
_MAX_TAGS = tags.MAX_TAGS
ServiceName = Annotated[str, rule(names.service_problem)]


class Network(Model):
    """A VPC with a public and a private subnet in each zone. Tasks run in the private ones."""

    cidr: str = "10.0.0.0/16"
    """The VPC's IPv4 block. Two VPCs may have the same one, unless they are connected one day (peering, VPN)."""
    zones: Annotated[int, Field(ge=2, le=6)] = 2
    """Availability zones; a load balancer needs two."""
    nat: Literal["none", "single", "per-zone"] = "single"
    """NAT gateways, the tasks' way out; one per zone survives the failure of a zone."""
    endpoints: Endpoints = ()
    """AWS services that are reached inside the VPC, by short names: s3, ecr, logs, ..."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        broken = _twice("endpoints", self.endpoints)
        if problem := subnets.vpc_cidr_problem(self.cidr, self.zones):
            broken.append((("cidr",), problem))
        refuse(self, broken)
        return self


class Capacity(Model):
    """Weights of the capacity providers: of 5 tasks, fargate 1 and fargate_spot 4 puts 4 on spot.

    They hold for services that are made from now on. One that is there keeps its own: ECS changes them only in
    a forced deployment (aws ecs update-service --capacity-provider-strategy ... --force-new-deployment).
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
    """

    fargate: Annotated[int, Field(ge=0, le=1000)] = 1
    """The weight of on-demand capacity."""
    fargate_spot: Annotated[int, Field(ge=0, le=1000)] = 0
    """The weight of spare capacity, up to 70 % cheaper; its tasks can be stopped with two minutes' notice."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.fargate + self.fargate_spot == 0:
            refuse(self, [((), "needs a weight above 0: fargate, fargate_spot, or both")])
        return self


class Cluster(Model):
    """The ECS cluster; its name is the environment's."""

    capacity: Capacity = Capacity()
    """Where tasks are placed."""
    container_insights: Literal["disabled", "enabled", "enhanced"] = "disabled"
    """CloudWatch's metrics of tasks and containers; they are charged for."""


class LoadBalancer(Model):
    """The load balancer in front of all services that have a route; there is none if no service has.

    With a ``domain`` or a ``certificate`` it speaks HTTPS, and plain HTTP is redirected.
    """

    allow_from: Annotated[tuple[Annotated[str, rule(subnets.cidr_problem)], ...], Strict(False), NOT_EMPTY] = (
        "0.0.0.0/0",
    )
    """The IPv4 blocks that may connect."""
    idle_timeout: Annotated[int, Field(ge=1, le=4000)] = 60
    """Seconds without data after which a connection is closed."""
    domain: Annotated[str, rule(ephemeral.domain_problem)] | None = None
    """Where services answer: DOMAIN and NAME.DOMAIN, ephemeral environments at the latter. A certificate for both and
    their DNS records are made."""
    zone: Annotated[str, rule(ephemeral.domain_problem)] | None = None
    """The public hosted zone in Route 53 that the records are made in; the one called DOMAIN without it."""
    certificate: Annotated[str, rule(domains.certificate_problem)] | None = None
    """The ARN of a certificate that is there, instead of one that is made; or none: plain HTTP. With either, records
    are only made in a zone that is named."""

    @property
    def makes_certificate(self) -> bool:
        """Whether a certificate is made, for ``domains.names`` of the domain."""
        return self.domain is not None and self.certificate is None

    @property
    def existing_certificate(self) -> str | None:
        """The ARN of a certificate that is there."""
        return None if self.certificate == domains.NO_CERTIFICATE else self.certificate

    @property
    def secure(self) -> bool:
        """Whether it speaks HTTPS."""
        return self.makes_certificate or self.existing_certificate is not None

    @model_validator(mode="after")
    def _check(self) -> Self:
        broken: list[tuple[Path, str]] = [
            (("allow_from", place), text) for place, text in subnets.overlaps(self.allow_from)
        ]
        if self.domain is None:
            broken += [
                ((field,), "does nothing without a domain: add one, such as domain: example.com")
                for field, useless in (
                    ("zone", self.zone is not None),
                    ("certificate", self.certificate == domains.NO_CERTIFICATE),
                )
                if useless
            ]
        elif self.makes_certificate and "." not in self.domain:
            # RequestCertificate takes no other (ACM's API reference).
            text = "needs a dot for a certificate, such as shop.localhost; without one, add certificate: none"
            broken.append((("domain",), text))
        elif self.zone and not domains.in_zone(self.domain, self.zone):
            broken.append((("zone",), f"the domain {self.domain} isn't in a zone called {self.zone}"))
        refuse(self, broken)
        return self


class Monitoring(Model):
    """What is kept of what happens."""

    log_retention_days: Annotated[
        int, rule(logs.retention_problem), Field(json_schema_extra={"enum": [*logs.RETENTION_DAYS]})
    ] = 30
    """Days that CloudWatch Logs keeps the containers' output."""


class EnvironmentFile(Model):
    """The fields of ``envs/NAME.yaml``."""

    target: Literal["aws", "local"]
    """Where the environment runs: aws (an account) or local (this machine)."""
    region: Annotated[str, rule(_region_problem)]
    """The AWS region, such as eu-west-1."""
    account: Annotated[str, rule(_account_problem)] | None = None
    """The AWS account's 12 digits; any other account is refused."""
    tags: Annotated[Mapping[TagKey, TagValue], Field(max_length=_MAX_TAGS)] = {}
    """Tags of every AWS resource, beside the project's and the environment's."""
    network: Network = Network()
    """The VPC."""
    cluster: Cluster = Cluster()
    """The ECS cluster."""
    load_balancer: LoadBalancer = LoadBalancer()
    """The load balancer."""
    services: Mapping[ServiceName, Service] = {}
    """The services, by name."""
    hosts_ephemeral: bool = False
    """Whether ephemeral environments may stand on it."""
    protect: bool = False
    """Whether pipelines deploy it only after somebody's approval."""
    ci: Ci | None = None
    """The pipelines that deploy it."""
    monitoring: Monitoring = Monitoring()
    """Logs."""
    state: State = State()
    """Where the state is kept."""

    @property
    def zone(self) -> str | None:
        """The hosted zone that the load balancer's records are made in; None if none are.

        On this machine names below localhost resolve by themselves.
        """
        balancer = self.load_balancer
        return balancer.zone or (balancer.domain if self.target == "aws" and balancer.makes_certificate else None)

    @property
    def routes(self) -> dict[str, routes.Route]:
        """The routes of the services behind the load balancer, by service."""
        return {name: service.route.listener_rule for name, service in self.services.items() if service.route}

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self, [*self._routes(), *self._names(), *self._ways_out()])
        return self

    def _routes(self) -> Iterator[tuple[Path, str]]:
        for name, route in self.routes.items() if self.hosts_ephemeral else ():
            if route.priority is not None and route.priority <= routes.LAST_EPHEMERAL:
                text = f"up to {routes.LAST_EPHEMERAL} they are for ephemeral environments: take a higher one"
                yield ("services", name, "route", "priority"), text
        for (first, one), (second, other) in combinations(self.routes.items(), 2):
            if problem := routes.collision(one, other):
                yield ("services", second, "route"), f"the route of '{first}' {problem}"

    def _names(self) -> Iterator[tuple[Path, str]]:
        """What the certificate isn't for, no client would trust."""
        balancer = self.load_balancer
        if balancer.certificate and (problem := domains.elsewhere(balancer.certificate, self.region, self.account)):
            yield ("load_balancer", "certificate"), problem
        if not balancer.makes_certificate or balancer.domain is None:
            return
        for name, route in self.routes.items():
            if route.host and not domains.covers(balancer.domain, route.host):
                text = (
                    f"the certificate is for {' and '.join(domains.names(balancer.domain))}, and not for {route.host}. "
                    "Name one that is for all of them: load_balancer.certificate"
                )
                yield ("services", name, "route", "host"), text

    def _ways_out(self) -> Iterator[tuple[Path, str]]:
        """Without NAT, a task on AWS starts only if all it needs has an endpoint."""
        if self.target != "aws" or self.network.nat != "none":
            return
        referred = {secrets.service_of(r) for s in self.services.values() for r in s.secrets.values()}
        if self.services and (lacking := endpoints.missing_without_nat(self.network.endpoints, referred)):
            text = f"without NAT, tasks only start with these in endpoints, too: {', '.join(lacking)}"
            yield ("network",), text
        for name, service in self.services.items():
            if images.ecr_repository(service.image) is None:
                text = "without NAT an image can only come from ECR: push it there, or write nat: single"
                yield ("services", name, "image"), text


class Environment(EnvironmentFile):
    """An environment: its name and what its file says."""

    name: str
    """The name: the file's, the stack's and the cluster's."""
