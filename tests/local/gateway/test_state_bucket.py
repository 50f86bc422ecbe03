"""State in a bucket: its files, as the engine's backend names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ecs_stack.operations.state_bucket import BucketStore
from ecs_stack.rules.state import Bucket

pytestmark = pytest.mark.emulator


def test_files_are_written_listed_read_and_deleted(client: Callable[..., Any]) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="acme-state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    store = BucketStore(s3, Bucket("acme-state", "prod/", "eu-west-1"), "dev")
    assert store.names("locks/dev") == []
    store.write("locks/dev/1.json", b"{}")
    store.write("locks/dev/1.json", b'{"pid": 1}')
    store.write("locks/other/2.json", b"{}")
    assert store.names("locks/dev") == ["1.json"]
    assert store.read("locks/dev/1.json") == b'{"pid": 1}'
    assert s3.list_objects_v2(Bucket="acme-state")["Contents"][0]["Key"] == "prod/locks/dev/1.json"
    store.delete("locks/dev/1.json")
    assert store.read("locks/dev/1.json") is None
