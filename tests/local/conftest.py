"""A local cloud for the tests of the local target: one for the session, fresh ones for what breaks it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import pytest

from ecs_stack.local import cloud
from ecs_stack.local.cloud import LocalCloud


def client_of(local: LocalCloud, service: str, region: str = "eu-west-1") -> Any:
    """A boto3 client against a cloud, without retries: a test must see the first answer."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        endpoint_url=local.endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=botocore.config.Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
    )


@pytest.fixture
def root() -> Iterator[Path]:
    """A root whose cloud, if a test starts one, is removed at the end."""
    with _root() as path:
        yield path


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[LocalCloud]:
    """One cloud for the session. Tests share it, so each uses names and regions of its own."""
    with _root() as path:
        yield cloud.start(path)


@pytest.fixture(scope="session")
def client(local_cloud: LocalCloud) -> Callable[..., Any]:
    """``client("ec2")`` or ``client("ec2", "us-west-2")`` against the session's cloud."""
    return lambda service, region="eu-west-1": client_of(local_cloud, service, region)


class _root:
    """A short path: a Unix socket's may have about 100 bytes."""

    def __enter__(self) -> Path:
        self.path = Path(tempfile.mkdtemp(prefix="es-")).resolve()
        return self.path

    def __exit__(self, *error: object) -> None:
        cloud.reset(self.path)
        shutil.rmtree(self.path)
