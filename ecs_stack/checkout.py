"""What concerns a checkout as a whole: plain pulumi beside this command, the reset of the local cloud, versions."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from ecs_stack import spec, states, targets
from ecs_stack.automation import engine as engines
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import Stack, stacks
from ecs_stack.errors import RefusedError
from ecs_stack.results import ResetReceipt


@dataclass(frozen=True)
class ShellEnvironment:
    """What a shell sets and unsets so that plain ``pulumi`` and ``aws`` work on the local target."""

    variables: Mapping[str, str]
    unset: tuple[str, ...]


def shell_environment(root: Path, name: str | None = None) -> ShellEnvironment:
    """For the local cloud of ``root``, which is started if it doesn't run; so is an engine installed.

    ``pulumi`` works on the state of the environment ``name``, or on that in the project's folder. Raises RefusedError
    for an environment of another target.
    """
    from ecs_stack.local import cloud
    from ecs_stack.local.providers import executables

    root = root.resolve()
    described = spec.load(root, name) if name else None
    if described and described.target != targets.LocalTarget.name:
        raise RefusedError(
            f"the environment {name} runs on {described.target}, and this is for the local target",
            hint="Plain pulumi works there with your own credentials; docs/state.md has its PULUMI_BACKEND_URL.",
        )
    backend = states.backend_of(root, described) if described else Backend.local(root)
    backend.prepare()
    found = cloud.start(root)
    if name:
        Stack(backend, name, engine=engines.ensure(), environment=os.environ).prepare()
    plugins = backend.home / "bin"
    executables.install(plugins, sys.executable)
    # A built engine's language host takes the first Python on PATH: it has to be this one.
    path = [str(plugins), str(engines.ensure().bin), str(Path(sys.executable).parent)]
    rest = [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if entry not in path]
    variables = {
        **found.environment(),
        "PULUMI_BACKEND_URL": backend.url,
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(backend.passphrase_file),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PATH": os.pathsep.join([*path, *rest]),
    }
    strangers = {name for name in os.environ if name.startswith("AWS_")} | {"PULUMI_CONFIG_PASSPHRASE"}
    return ShellEnvironment(variables, tuple(sorted(strangers - variables.keys())))


def reset_local(root: Path) -> ResetReceipt:
    """Removes the local cloud with all it made, and the stacks that lived in it: nothing of them is left."""
    from ecs_stack.local import cloud

    root = root.resolve()
    receipt = cloud.reset(root)
    home = Backend.local(root)
    removed = _forget_local(home, None)
    for name, described in spec.load_all(root).items():
        backend = states.backend_of(root, described)
        # What is reached through the local cloud is gone with it. Where others keep stacks too, only its own goes.
        if described.target == targets.LocalTarget.name and backend != home and backend.reach is None:
            removed += _forget_local(backend, name)
    return replace(receipt, stacks=tuple(removed))


def _forget_local(backend: Backend, only: str | None) -> list[str]:
    """Removes the stacks of the local target, or one of them."""
    if backend.is_empty():
        return []
    engine = engines.ensure()
    removed = []
    for each in stacks(backend, engine=engine, environment=os.environ):
        stack = Stack(backend, each.name, engine=engine, environment=os.environ)
        if only in (None, each.name) and targets.of_accounts(stack.accounts()) == targets.LocalTarget.name:
            stack.forget()
            removed.append(each.name)
    return removed


def versions() -> dict[str, str | None]:
    """What this runs on; None for an engine that isn't there."""
    found = engines.find()
    return {**package_versions(), "pulumi engine": found.version if found else None}


def package_versions() -> dict[str, str]:
    """What can be told without starting an engine."""
    packages = ("ecs-stack", "pulumi", "pulumi-aws", "pulumi-awsx", "boto3")
    return {**{name: metadata.version(name) for name in packages}, "python": platform.python_version()}
