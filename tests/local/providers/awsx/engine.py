"""Runs programs with ``awsx`` components under the real engine: the stand-in awsx, and an aws that echoes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi import automation as auto

from ecs_stack.automation import engine
from ecs_stack.local.providers.awsx.servicer import AwsxServicer
from ecs_stack.local.providers.server import listening

from .echo_aws import EchoAws

PROJECT, STACK = "proj", "dev"


class RecordingAwsx(AwsxServicer):
    """The stand-in, with what it answered."""

    def __init__(self) -> None:
        super().__init__()
        self.constructs: list[dict[str, Any]] = []
        self.dependencies: list[dict[str, set[str]]] = []
        self.at_work = 0

    def Construct(self, request, context):
        self.at_work += 1
        try:
            response = super().Construct(request, context)
        finally:
            self.at_work -= 1
        self.constructs.append(json_format.MessageToDict(response.state))
        self.dependencies.append({k: set(v.urns) for k, v in response.stateDependencies.items()})
        return response


@dataclass
class Providers:
    awsx: RecordingAwsx
    aws: EchoAws
    attach: str


@contextlib.contextmanager
def providers(aws: EchoAws | None = None) -> Iterator[Providers]:
    aws, awsx = aws or EchoAws(), RecordingAwsx()
    with listening(aws) as aws_port, listening(awsx) as awsx_port:
        yield Providers(awsx=awsx, aws=aws, attach=f"aws:{aws_port},awsx:{awsx_port}")


def stack(
    folder: Path,
    program: Callable[[], None],
    attach: str,
    name: str = STACK,
    env: Mapping[str, str] | None = None,
) -> auto.Stack:
    """A new stack with its state in ``folder``."""
    found = engine.find()
    assert found is not None
    work = folder / f"work-{name}"
    work.mkdir(parents=True)
    state = folder / "state"
    state.mkdir(exist_ok=True)
    return auto.create_stack(
        stack_name=name,
        project_name=PROJECT,
        program=program,
        opts=auto.LocalWorkspaceOptions(
            work_dir=str(work),
            pulumi_home=str(folder / "home"),
            pulumi_command=auto.PulumiCommand(root=str(found.root)),
            project_settings=auto.ProjectSettings(
                name=PROJECT, runtime="python", backend=auto.ProjectBackend(f"file://{state}")
            ),
            env_vars={
                "PULUMI_CONFIG_PASSPHRASE": "test",
                "PULUMI_DEBUG_PROVIDERS": attach,
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                **(env or {}),
            },
        ),
    )


def resources(of: auto.Stack) -> dict[tuple[str, str], dict[str, Any]]:
    """What the stack's state has, by type and name: parent, inputs, dependencies; providers left out."""
    listed = of.export_stack().deployment.get("resources", [])
    return {
        key(each["urn"]): {
            "parent": key(each["parent"]) if "parent" in each else None,
            "inputs": each.get("inputs", {}),
            "outputs": each.get("outputs", {}),
            "dependencies": {key(urn) for urn in each.get("dependencies", [])},
            "provider": each.get("provider", ""),
            "protect": each.get("protect", False),
        }
        for each in listed
        if not each["type"].startswith("pulumi:")
    }


def key(urn: str) -> tuple[str, str]:
    """Type and name of a URN."""
    _, _, qualified, name = urn.split("::", 3)
    return qualified.split("$")[-1], name


@contextlib.contextmanager
def construct_order() -> Iterator[list[str]]:
    """The order in which the component makes its children, as ``TYPE NAME``."""
    order: list[str] = []
    lock = threading.Lock()
    original = pulumi.Resource.__init__

    def record(self, t, name, custom, props=None, opts=None, remote=False, *rest, **named):
        # The program itself makes one for the remote component, and one for each reference that it reads.
        if t.startswith("aws") and not remote and not (opts and opts.urn):
            with lock:
                order.append(f"{t} {name}")
        original(self, t, name, custom, props, opts, remote, *rest, **named)

    pulumi.Resource.__init__ = record
    try:
        yield order
    finally:
        pulumi.Resource.__init__ = original
