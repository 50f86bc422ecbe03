"""Where an environment runs: what has to hold before anything is touched, and how AWS is reached.

Nothing here changes the process's environment: the engine gets its own, and clients are made with what they need.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecs_stack.automation import engine_home, plugins
from ecs_stack.errors import DockerError, RefusedError
from ecs_stack.operations import domains, ecr, regions
from ecs_stack.operations.aws_errors import credentials_problem, not_reached
from ecs_stack.outputs import RouteOutputs, StackOutputs
from ecs_stack.rules import words

LOCAL_ACCOUNT = "000000000000"
#: A call is sent at most so often: with one answer in five an error, one call in 400,000 fails. The pauses grow to half
#: a minute in all, after which nobody waits for a `status` any longer.
_ATTEMPTS = 8
#: The ports that a URL needn't name.
_PORTS = {"HTTP": 80, "HTTPS": 443}

ClientFactory = Callable[[str], Any]


@dataclass(frozen=True, kw_only=True)
class Session:
    """An open target. ``environment`` is the whole process environment for the engine; ``client`` makes a boto3
    client of a service; ``clusters`` makes what has ECS's ``describe_clusters``, which every run asks; ``load`` loads
    what answers the engine here, so that it needn't wait for that."""

    environment: Mapping[str, str]
    client: ClientFactory
    clusters: Callable[[], Any]
    load: Callable[[], None] = lambda: None


class Target(ABC):
    """One place where environments run."""

    name: str

    def __init__(self, root: Path, region: str) -> None:
        self.root = root
        self.region = region

    @abstractmethod
    def identify(self, *, account: str | None) -> None:
        """Refuses a region that doesn't exist, credentials that don't work, and those of another account than
        ``account`` (None: any)."""

    @abstractmethod
    def check(
        self, *, account: str | None, images: Collection[str], zone: str | None = None, certificate: str | None = None
    ) -> None:
        """Refuses what can't work, before anything is touched: what ``identify`` does, and an image, a hosted zone
        or a certificate that doesn't exist."""

    @abstractmethod
    @contextmanager
    def open(self) -> Iterator[Session]:
        """What engine runs need; started if it doesn't run yet."""

    @abstractmethod
    def connect(self) -> ClientFactory:
        """boto3 clients for an environment that runs. Starts nothing; raises RefusedError if nothing answers."""

    @abstractmethod
    def wake(self) -> None:
        """Starts what answers as AWS, if that is ours to start."""

    @abstractmethod
    def variables(self, base: Mapping[str, str]) -> Mapping[str, str]:
        """``base``, a whole process environment, with what a process needs to use this AWS. Starts nothing; raises
        RefusedError if nothing answers."""

    @abstractmethod
    def urls(self, outputs: StackOutputs) -> dict[str, str]:
        """Where each service with a route answers, by service."""


class LocalTarget(Target):
    """This machine: the local cloud, and the stand-in providers in this process."""

    name = "local"

    def identify(self, *, account: str | None) -> None:  # noqa: ARG002 (there is one account)
        # There is no newer region than the emulators know: what they don't know is a mistake.
        if unknown := _unknown_region(self.region):
            raise unknown

    def check(
        self,
        *,
        account: str | None,
        images: Collection[str],
        zone: str | None = None,  # noqa: ARG002 (the local cloud may not run yet: the run itself asks it)
        certificate: str | None = None,  # noqa: ARG002
    ) -> None:
        self.identify(account=account)
        with _needs_extra():
            from ecs_stack.local.docker import find_docker_host, image_exists

        if find_docker_host() is None:
            asked = os.environ.get("DOCKER_HOST")
            where = f"at {asked} (DOCKER_HOST)" if asked else "on this machine"
            raise DockerError(
                f"no Docker engine answers {where}, and the local target runs containers",
                hint="Start Docker, or set DOCKER_HOST to where it listens.",
            )
        missing = [image for image in sorted(set(images)) if not image_exists(image)]
        if missing:
            raise DockerError(
                f"Docker has no image {', '.join(missing)}, and no registry that it reaches has it",
                hint="Build or pull it, or correct `image` in the environment file.",
            )

    @contextmanager
    def open(self) -> Iterator[Session]:
        with _needs_extra():
            from ecs_stack.local import cloud, providers
            from ecs_stack.local.reads import Reads

        def revive() -> object:
            return cloud.start(self.root)

        found = cloud.start(self.root)
        with providers.serve(found.endpoint, revive) as serving:
            yield Session(
                environment={
                    **_without_aws(os.environ),
                    **found.environment(),
                    "PULUMI_HOME": str(engine_home.make(self.root / ".ecs-stack")),
                    "PULUMI_DEBUG_PROVIDERS": ",".join(f"{name}:{port}" for name, port in serving.ports.items()),
                    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                },
                client=self._clients(found.endpoint, revive),
                clusters=lambda: Reads(found.endpoint, self.region, revive, attempts=_ATTEMPTS),
                load=serving.load,
            )

    def connect(self) -> ClientFactory:
        return self._clients(self._cloud().endpoint)

    def wake(self) -> None:
        with _needs_extra():
            from ecs_stack.local import cloud

        cloud.start(self.root)

    def variables(self, base: Mapping[str, str]) -> Mapping[str, str]:
        return {**_without_aws(base), **self._cloud().environment()}

    def urls(self, outputs: StackOutputs) -> dict[str, str]:
        balancer = outputs.load_balancer
        listener = self._cloud().listeners().get(balancer.listener_arn) if balancer else None
        if balancer is None or listener is None:
            return {}
        address = balancer.domain if balancer.domain and _is_here(balancer.domain) else "localhost"
        return _urls(outputs, balancer.listener_protocol, address, listener.port)

    def _cloud(self) -> Any:
        with _needs_extra():
            from ecs_stack.local import cloud

        found = cloud.running(self.root)
        if found is None:
            raise RefusedError(
                "the local cloud isn't running",
                hint="`ecs-stack local start` brings it back, tasks included.",
            )
        return found

    def _clients(self, endpoint: str, revive: Callable[[], object] | None = None) -> ClientFactory:
        @functools.cache
        def session() -> Any:
            """Made for the first client: a preview needs none, and loading botocore takes 0.1 s."""
            from ecs_stack.local import sessions

            return sessions.make()

        def client(service: str) -> Any:
            import botocore.config

            from ecs_stack.local.reconnect import outlive_restarts

            config: Any = botocore.config.Config(
                inject_host_prefix=False,
                proxies={},
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            )
            made = session().create_client(
                service,
                region_name=self.region,
                endpoint_url=endpoint,
                config=config,
            )
            return outlive_restarts(made, revive) if revive else made

        return _kept(client)


class AwsTarget(Target):
    """A real account, with the credentials of the process and the real plugins."""

    name = "aws"

    def identify(self, *, account: str | None) -> None:
        actual = self._account()
        if account is not None and actual != account:
            raise RefusedError(
                f"these credentials are for account {actual}, the environment is for {account}",
                hint="Use credentials of the environment's account: set AWS_PROFILE, or sign in again.",
            )

    def check(
        self, *, account: str | None, images: Collection[str], zone: str | None = None, certificate: str | None = None
    ) -> None:
        self.identify(account=account)
        if zone:
            domains.refuse_zone(self.connect()("route53"), zone)
        if certificate:
            domains.refuse_certificate(self.connect()("acm"), certificate)
        missing = ecr.missing_images(images, client=self._client)
        if missing:
            raise RefusedError(
                f"Amazon ECR has no image {', '.join(missing)}",
                hint="Push it, or correct `image` in the environment file.",
            )

    @contextmanager
    def open(self) -> Iterator[Session]:
        plugins.require(os.environ)
        client = self.connect()
        yield Session(environment=dict(os.environ), client=client, clusters=lambda: client("ecs"))

    def connect(self) -> ClientFactory:
        return _kept(lambda service: self._client(service, self.region))

    def wake(self) -> None:
        pass

    def variables(self, base: Mapping[str, str]) -> Mapping[str, str]:
        return base

    @functools.cached_property
    def _session(self) -> Any:
        """One for all clients: each reads the credentials and the descriptions of the services anew, for 0.1 s."""
        import boto3
        import botocore.session

        return boto3.Session(region_name=self.region, botocore_session=botocore.session.Session())

    def _client(self, service: str, region: str) -> Any:
        import botocore.config

        # AWS_MAX_ATTEMPTS and AWS_RETRY_MODE, or the profile's. boto3's own default is "legacy", which gives up early.
        core = self._session._session
        mode, attempts = core.get_config_variable("retry_mode"), core.get_config_variable("max_attempts")
        retries: Any = {"mode": mode if mode == "adaptive" else "standard", "total_max_attempts": attempts or _ATTEMPTS}
        return self._session.client(service, region_name=region, config=botocore.config.Config(retries=retries))

    def urls(self, outputs: StackOutputs) -> dict[str, str]:
        balancer = outputs.load_balancer
        if balancer is None:
            return {}
        return _urls(outputs, balancer.listener_protocol, balancer.address, balancer.listener_port)

    def _account(self) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return str(self.connect()("sts").get_caller_identity()["Account"])
        except (BotoCoreError, ClientError) as error:
            raise credentials_problem(error) or _unknown_region(self.region) or not_reached(error) from error


def _kept(make: ClientFactory) -> ClientFactory:
    """Makes each client once, in one thread at a time: a session isn't thread-safe, its clients are."""
    lock = threading.Lock()
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        with lock:
            if service not in made:
                made[service] = make(service)
            return made[service]

    return client


def make(name: str, root: Path, region: str) -> Target:
    """The target called ``local`` or ``aws``."""
    return {target.name: target for target in (LocalTarget, AwsTarget)}[name](root, region)


def of_stack(outputs: StackOutputs, root: Path) -> Target:
    """The target that a stack lives on."""
    return make(of_accounts({outputs.account}) or AwsTarget.name, root, outputs.region)


def of_accounts(accounts: Collection[str]) -> str | None:
    """The target's name: the local cloud's account is no account of AWS's. None if no resource tells."""
    if not accounts:
        return None
    return LocalTarget.name if LOCAL_ACCOUNT in accounts else AwsTarget.name


def account_of(accounts: Collection[str]) -> str | None:
    """The one account among those that ARNs name; None if there is none or several. AWS's own is called ``aws``."""
    numbered = [account for account in accounts if account.isdigit()]
    return numbered[0] if len(numbered) == 1 else None


def _unknown_region(region: str) -> RefusedError | None:
    """A refusal of a region that this botocore doesn't know. AWS may have newer ones."""
    known = regions.known()
    if region in known:
        return None
    near = words.did_you_mean(region, known)
    return RefusedError(
        f"there is no AWS region '{region}'",
        hint=f"{near}Correct `region` in the environment file.",
    )


@contextmanager
def _needs_extra() -> Iterator[None]:
    """An import of the local target, whose libraries are an extra of the package."""
    try:
        # It loads only when containers are looked at, and is as good as any to tell whether the extra is there.
        if importlib.util.find_spec("docker") is None:
            raise ModuleNotFoundError("docker", name="docker")
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ecs_stack"):
            raise
        raise RefusedError(
            f"the local target isn't installed: the module {error.name} is missing",
            hint="Install it: `pip install 'ecs-stack[local]'`.",
        ) from error


def _urls(outputs: StackOutputs, protocol: str, address: str, port: int) -> dict[str, str]:
    return {name: _url(route, protocol, address, port) for name, route in outputs.routes.items()}


def _url(route: RouteOutputs, protocol: str, address: str, port: int) -> str:
    """Under the route's own host if it names one, under the load balancer's ``address`` otherwise.

    On this machine only names below localhost resolve by themselves.
    """
    named = route.host
    usable = named and "*" not in named and "?" not in named and (_is_here(named) or not _is_here(address))
    host = named if named and usable else address
    path = route.path.split("*")[0].split("?")[0]
    where = host if port == _PORTS[protocol] else f"{host}:{port}"
    return f"{protocol.lower()}://{where}{path}"


def _is_here(host: str) -> bool:
    """Names below localhost are this machine, without a DNS (RFC 6761)."""
    return host == "localhost" or host.endswith(".localhost")


def _without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Settings of the user's account (profiles, regions, endpoints of services) must not reach the local cloud."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}
