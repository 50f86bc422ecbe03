"""What programs in this process are spared: debug messages, and the SDK's way to wait for outputs."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pulumi
import pytest
from pulumi.runtime import resource
from pulumi.runtime.settings import SETTINGS, Settings, configure

from ecs_stack import sdk_costs
from tests import event_loop


class Engine:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def Log(self, request: Any) -> None:
        self.messages.append(request.message)

    def GetRootResource(self) -> str:
        return "root"


def in_program(run: Callable[[], Awaitable[None]], engine: Engine | None = None) -> None:
    """Runs as the SDK does: settings of its own, in a context of its own."""

    def program() -> None:
        configure(Settings("project", "stack", engine=engine))
        event_loop.run(asyncio.wait_for(run(), 10))

    contextvars.copy_context().run(program)


def test_debug_messages_are_dropped_and_nothing_else() -> None:
    engine = Engine()

    async def run() -> None:
        sdk_costs.lighten()
        sdk_costs.lighten()
        pulumi.log.debug("dropped")
        pulumi.log.info("kept")
        pulumi.log.warn("kept too")
        assert SETTINGS.engine.GetRootResource() == "root"

    in_program(run, engine)
    assert engine.messages == ["kept", "kept too"]


def test_every_output_is_waited_for_those_that_come_later_too() -> None:
    seen: list[str] = []

    async def run() -> None:
        def late(value: str) -> pulumi.Output[None]:
            seen.append(value)
            return pulumi.Output.from_input(asyncio.sleep(0.05, "second")).apply(seen.append)

        pulumi.Output.from_input(asyncio.sleep(0.05, "first")).apply(late)
        await sdk_costs.outputs_settled()
        assert not SETTINGS.outputs

    in_program(run)
    assert seen == ["first", "second"]


@pytest.mark.filterwarnings("ignore")
def test_a_failure_is_left_to_the_sdk_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "asyncio")

    async def run() -> None:
        slow = pulumi.Output.from_input(asyncio.sleep(60, "never"))

        def fail(_: object) -> None:
            raise ValueError("wrong")

        failed = pulumi.Output.from_input("now").apply(fail)
        await sdk_costs.outputs_settled()
        left = [each for each in SETTINGS.outputs if each.done()]
        assert left
        assert all(isinstance(each.exception(), ValueError) for each in left)
        assert [slow, failed]  # kept until here: a collected output isn't waited for

    in_program(run)


def test_a_failed_call_ends_the_wait_although_an_output_never_comes() -> None:
    async def run() -> None:
        never = pulumi.Output.from_input(asyncio.sleep(60, "never"))
        SETTINGS.rpc_manager.unhandled_exception = RuntimeError("the engine is gone")
        await sdk_costs.outputs_settled()
        assert never  # kept until here

    in_program(run)


def test_places_in_the_source_are_those_that_the_sdk_finds() -> None:
    async def run() -> None:
        sdk_costs.lighten()
        frame = traceback.extract_stack()[-1]
        found = resource._get_source_position_for_frame(frame)
        assert found == resource._get_source_position_for_frame(frame) == sdk_costs._exact_position(frame)
        assert found is not None
        assert found.uri.endswith("tests/unit/test_sdk_costs.py")
        assert resource._get_source_position_for_frame(traceback.FrameSummary("", 1, "")) is None

    in_program(run)
