"""What pipelines have to know of a checkout: which environments they deploy and where previews stand."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecs_stack import spec
from ecs_stack.automation.backend import Backend
from ecs_stack.errors import NotFoundError, RefusedError
from ecs_stack.rules import images, pipelines
from ecs_stack.spec.loading import FOLDER, TEMPLATE

#: What ``ci/images`` guesses that a service is built from, best first.
_FOLDERS = ("services/{}", "{}", "apps/{}", "demo")


_PACKAGE, _REQUIREMENTS = "ecs-stack", "requirements.txt"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a pipeline works, and the role it takes there."""

    environment: str
    region: str
    deploy_role: str
    preview_role: str
    protected: bool


@dataclass(frozen=True, kw_only=True)
class Image:
    """A service's image, without its tag, and the folder that it seems to be built from."""

    service: str
    repository: str
    folder: str


@dataclass(frozen=True, kw_only=True)
class Previews:
    """Previews of pull requests: on whose environment, below which domain, for how long.

    ``scheme`` is what their URLs begin with, http or https.
    """

    host: Target
    domain: str
    scheme: str
    ttl: str
    images: tuple[Image, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that the files for one forge depend on.

    ``install`` is the command that installs ecs-stack, ``passphrase`` whether one encrypts the state's secrets,
    ``backend`` what PULUMI_BACKEND_URL says here, which comes before the files and so has to be said there, too.
    """

    branch: str
    install: str
    python: str
    deployments: tuple[Target, ...]
    previews: Previews | None
    passphrase: bool
    backend: str | None


def make(root: Path, forge: str, variables: Mapping[str, str] = os.environ) -> Plan:
    """The plan for ``forge`` (github, gitlab, jenkins) of the project in ``root``; ``variables`` are the process's.

    It is about the environments on AWS whose files name this forge. Raises NotFoundError if there is none, RefusedError
    with a line for each thing that pipelines lack, and SpecError for a file that is wrong.
    """
    root = root.resolve()
    environments = [spec.load(root, name) for name in spec.names(root)]
    ours = [each for each in environments if each.target == "aws" and each.ci and each.ci.forge == forge]
    if not ours:
        raise NotFoundError(
            f"no environment on aws says that pipelines of {forge} deploy it",
            hint=f"Write `ci: {{{forge}: {_EXAMPLES[forge]}}}` into its file, and its `account`.",
        )
    install = _install(root)
    problems = [*_problems(root, ours, variables), *_unlike(ours)]
    if install is None:
        problems.append(f"{_REQUIREMENTS}: doesn't name {_PACKAGE}, and runners install it with that file")
    if problems or install is None:
        raise RefusedError(f"the project lacks what pipelines of {forge} need", problems=tuple(problems))
    project = Backend.local(root).project
    targets = {each.name: _target(project, each) for each in ours}
    first = ours[0].ci
    return Plan(
        branch=first.branch if first else "main",
        install=install,
        python="3.12",
        deployments=tuple(sorted(targets.values(), key=lambda each: (each.protected, each.environment))),
        previews=_previews(root, ours, targets),
        passphrase=any(not (each.state.secrets or "").startswith("awskms:") for each in ours),
        backend=variables.get("PULUMI_BACKEND_URL"),
    )


_EXAMPLES = {"github": "acme/shop", "gitlab": "acme/shop", "jenkins": "https://jenkins.example.com/job/shop"}


def _problems(root: Path, environments: list[spec.Environment], variables: Mapping[str, str]) -> Iterator[str]:
    for each in environments:
        file = f"envs/{each.name}.yaml"
        if not each.account:
            yield f"{file}: account is missing, and the roles' ARNs have it in them"
        if not each.state.backend and Backend.configured(root, variables).is_folder:
            yield f"{file}: state.backend is missing, so that the state would go with each runner"


def _unlike(environments: list[spec.Environment]) -> Iterator[str]:
    """One set of files serves one repository and branch."""
    first, *others = environments
    for each in others:
        if each.ci and first.ci and each.ci.branch != first.ci.branch:
            yield (
                f"envs/{each.name}.yaml: ci.branch is {each.ci.branch}, and {first.ci.branch} in "
                f"envs/{first.name}.yaml; pipelines deploy one branch"
            )


def _target(project: str, environment: spec.Environment) -> Target:
    def role(what: str) -> str:
        return pipelines.role_arn(
            pipelines.role_name(project, environment.name, what),
            region=environment.region,
            account=str(environment.account),
        )

    return Target(
        environment=environment.name,
        region=environment.region,
        deploy_role=role("deploy"),
        preview_role=role("preview"),
        protected=environment.protect,
    )


def _previews(root: Path, environments: list[spec.Environment], targets: Mapping[str, Target]) -> Previews | None:
    if not (root / FOLDER / f"{TEMPLATE}.yaml").is_file():
        return None
    template = spec.load_ephemeral(root, spec.ANY)
    host = next((each for each in environments if each.name == template.host), None)
    if host is None:
        raise RefusedError(
            f"{FOLDER}/{TEMPLATE}.yaml stands on {template.host}, which isn't on aws or names another forge in `ci`",
            hint=f"Give {FOLDER}/{template.host}.yaml `target: aws` and a `ci` section, or take the template away.",
        )
    if not host.hosts_ephemeral:
        raise RefusedError(
            f"{FOLDER}/{TEMPLATE}.yaml stands on {host.name}, which doesn't host ephemeral environments",
            hint=f"Write `hosts_ephemeral: true` into {FOLDER}/{host.name}.yaml.",
        )
    return Previews(
        host=targets[host.name],
        domain=template.domain,
        scheme="https" if host.load_balancer.secure else "http",
        ttl=template.ttl,
        images=tuple(_images(root, host)),
    )


def _images(root: Path, host: spec.Environment) -> Iterator[Image]:
    for name, service in sorted(host.services.items()):
        parsed = images.parse(service.image)
        if parsed and parsed.registry:
            guesses = (folder.format(name) for folder in _FOLDERS)
            folder = next((each for each in guesses if (root / each / "Dockerfile").is_file()), ".")
            yield Image(service=name, repository=f"{parsed.registry}/{parsed.repository}", folder=folder)


def _install(root: Path) -> str | None:
    """How a runner installs ecs-stack: from the checkout if that is ecs-stack's own, else as the project says.

    None if it doesn't say: whatever an index has under that name would be installed.
    """
    pip = "python -m pip install --quiet"
    file = root / "pyproject.toml"
    project: Mapping[str, Any] = tomllib.loads(file.read_text("utf-8")).get("project", {}) if file.is_file() else {}
    if project.get("name") == _PACKAGE:
        return f"{pip} --constraint constraints.txt ."
    requirements = root / _REQUIREMENTS
    named = requirements.is_file() and _PACKAGE in requirements.read_text("utf-8")
    return f"{pip} --requirement {_REQUIREMENTS}" if named else None
