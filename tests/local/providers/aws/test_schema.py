"""What is read from the SDK leaves the SDK whole: the user's program runs in the same process."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: in this one, another test has loaded the SDK.
_READ_IN_THREADS = """
from concurrent.futures import ThreadPoolExecutor
import pulumi_aws
from ecs_stack.local.providers.aws.schema import schema

tokens = ["aws:ec2/natGateway:NatGateway", "aws:ec2/vpc:Vpc", "aws:ec2/eip:Eip", "aws:ec2/subnet:Subnet"]
with ThreadPoolExecutor(len(tokens)) as threads:
    read = list(threads.map(schema, tokens))
assert [each.token for each in read] == tokens
assert "subnetId" in read[0].inputs
missing = [token for token in tokens if not hasattr(pulumi_aws.ec2, token.split(":")[2])]
assert not missing, missing
"""


def test_the_sdk_stays_whole_whichever_thread_reads_first() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _READ_IN_THREADS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
