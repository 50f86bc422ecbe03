"""A run that is killed leaves a mark, one that ends by itself doesn't; and what a state is known by."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pulumi
import pytest

from ecs_stack.automation import engine
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import Stack
from ecs_stack.errors import LockedError, UpdateFailedError
from ecs_stack.recovery import known

KILLED = """
import os, sys, time
from pathlib import Path
import pulumi
from ecs_stack.automation import engine
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import Stack

def program():
    first = pulumi.Stash("first", input=1)
    def wait(_):
        print("waiting", flush=True)
        time.sleep(60)
    pulumi.Stash("second", input=first.output.apply(wait))

Stack(Backend.local(Path(sys.argv[1])), "dev", engine=engine.ensure(), environment=os.environ).up(program)
"""


def _wait_for_engine(stack: Stack) -> None:
    """The engine outlives the command by a moment, and holds its lock as long."""
    end = time.monotonic() + 60
    while True:
        try:
            return stack.refuse_if_locked()
        except LockedError:
            assert time.monotonic() < end
            time.sleep(0.2)


@pytest.mark.engine
def test_a_killed_run_leaves_a_mark(tmp_path: Path) -> None:
    stack = Stack(Backend.local(tmp_path), "dev", engine=engine.ensure(), environment=os.environ)
    assert not stack.was_cut_short()
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
    finally:
        timer.cancel()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
    assert stack.was_cut_short()
    _wait_for_engine(stack)
    # What an engine leaves that dies while it writes.
    attributes = tmp_path / ".ecs-stack/state/.pulumi/stacks/ecs-stack/dev.json.attrs"
    attributes.write_text("")
    assert stack.exists()
    assert not attributes.exists()
    stack.refresh()
    assert "first" in {str(resource["urn"]).rsplit("::", 1)[-1] for resource in stack.resources()}
    with stack.held(), pytest.raises(LockedError):
        stack.up(lambda: pulumi.export("value", 1))
    stack.up(lambda: pulumi.export("value", 1))
    assert not stack.was_cut_short()

    def fails() -> None:
        pulumi.StackReference("organization/ecs-stack/nowhere")

    with pytest.raises(UpdateFailedError):
        stack.up(fails)
    assert not stack.was_cut_short(), "the engine ended by itself"


def test_what_a_state_knows() -> None:
    found = known(
        [
            {"type": "pulumi:pulumi:Stack"},
            {"type": "aws:ecs/cluster:Cluster", "id": "dev", "outputs": {"arn": "arn:cluster"}},
            {"type": "aws:vpc/x:Y", "id": "r", "outputs": {"securityGroupRuleId": "sgr-1"}},
            {
                "type": "aws:ec2/route:Route",
                "id": "r-1",
                "outputs": {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"},
            },
        ]
    )
    assert found.ids == {"dev", "arn:cluster", "r", "sgr-1", "r-1"}
    assert found.routes == {("rtb-1", "0.0.0.0/0")}
