"""The SDK's stack, without the engine runs that nobody needs; and the program that runs for it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pulumi.automation as auto
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS

from ecs_stack import sdk_costs
from ecs_stack.automation import sdk_logging
from ecs_stack.automation.command import EngineCommand

Program = Callable[[], Awaitable[None] | None]


#: The engine listens on this machine's loopback, but even there gRPC's core takes the proxy that http_proxy names, if
#: no_proxy doesn't name 127.0.0.1 (pulumi/pulumi#2651, #3274).
_NO_PROXY = ("grpc.enable_http_proxy", 0)


class EngineStack(auto.Stack):
    """The SDK's stack without the engine runs around each operation: nothing is selected first, and outputs and
    summary, which the SDK fetches with three more runs, come with the events."""

    def __init__(
        self, name: str, command: EngineCommand, work_dir: str, program: Program | None, secrets: str | None
    ) -> None:
        self.name = name
        self.command = command
        if _NO_PROXY not in _GRPC_CHANNEL_OPTIONS:
            _GRPC_CHANNEL_OPTIONS.append(_NO_PROXY)
        self.workspace = auto.LocalWorkspace(
            work_dir, program=program, pulumi_command=command, secrets_provider=secrets
        )

    def outputs(self) -> auto.OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> auto.UpdateSummary:  # noqa: ARG002 (the SDK's signature)
        return auto.UpdateSummary("", datetime.now(UTC), "", {}, {}, "")

    def read_outputs(self) -> dict[str, Any]:
        """The outputs with secrets blinded, in one run where the SDK needs two."""
        return self.read("stack", "output", "--json")

    def read(self, *arguments: str) -> dict[str, Any]:
        """The JSON that a command of the engine prints about this stack."""
        run = [*arguments, "--stack", self.name]
        answer: dict[str, Any] = json.loads(self.command.run(run, self.workspace.work_dir, {}).stdout)
        return answer


class Guard:
    """Calls the program and keeps what it raised: the engine only hands back a text."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.error: Exception | None = None
        sdk_logging.remember()

    def __call__(self) -> Awaitable[None]:
        sdk_logging.keep_to_this_loop()
        sdk_costs.lighten()
        try:
            self._program()
        except Exception as error:
            self.error = error
            raise
        return sdk_costs.outputs_settled()
