"""What a request that AWS refused means: bad credentials touch nothing, unless something was changed before."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack import targets
from ecs_stack.errors import EcsStackError, RefusedError
from ecs_stack.operations import ecr
from ecs_stack.operations.aws_errors import translated


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeServices")


@pytest.mark.parametrize("error", [_refusal("ExpiredToken"), exceptions.NoCredentialsError()], ids=["expired", "none"])
def test_credentials(error: Exception) -> None:
    with pytest.raises(RefusedError, match="AWS doesn't know who you are"), translated("dev"):
        raise error
    with pytest.raises(EcsStackError, match="AWS doesn't know who you are") as caught, translated("dev", changed=True):
        raise error
    assert caught.value.exit_code == 1


def test_other_errors_keep_awss_words() -> None:
    with (
        pytest.raises(EcsStackError, match=r"^DescribeServices failed: AccessDenied: no$") as caught,
        translated("dev"),
    ):
        raise _refusal("AccessDenied")
    assert caught.value.exit_code == 1
    with pytest.raises(EcsStackError, match="AWS wasn't reached"), translated("dev"):
        raise exceptions.EndpointConnectionError(endpoint_url="https://x")


@pytest.mark.parametrize("code", ["ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable"])
def test_what_passes_by_itself_says_so(code: str) -> None:
    with pytest.raises(EcsStackError, match=f"DescribeServices failed: {code}: no") as caught, translated("dev"):
        raise _refusal(code)
    assert "again in a few minutes" in str(caught.value.hint)


class Unreached:
    def get_caller_identity(self) -> None:
        raise exceptions.EndpointConnectionError(endpoint_url="https://sts")


@pytest.mark.parametrize(("region", "words"), [("eu-west-1", "AWS isn't reached"), ("eu-wset-1", "no AWS region")])
def test_aws_is_not_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, region: str, words: str) -> None:
    """AWS may have newer regions than boto3 knows: only one that doesn't answer is called a mistake."""
    monkeypatch.setattr(targets.AwsTarget, "_client", lambda *_: Unreached())
    with pytest.raises(RefusedError, match=words):
        targets.make("aws", tmp_path, region).identify(account=None)


class Registry:
    """ECR with one answer to everything."""

    def __init__(self, answer: BotoCoreError | ClientError | None) -> None:
        self.answer = answer
        self.asked: list[object] = []

    def describe_images(self, **wanted: object) -> None:
        self.asked.append(wanted["imageIds"])
        if self.answer:
            raise self.answer


HOST = "111111111111.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (None, False),
        (_refusal("ImageNotFoundException"), True),
        (_refusal("RepositoryNotFoundException"), True),
        (_refusal("AccessDeniedException"), False),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), False),
    ],
)
def test_images_in_ecr(answer: BotoCoreError | ClientError | None, missing: bool) -> None:
    registry = Registry(answer)
    images = [f"{HOST}/a:1", f"{HOST}/a", f"{HOST}/a@sha256:{'0' * 64}", "nginx:1", f"{HOST}/a:1"]
    found = ecr.missing_images(images, client=lambda service, region: registry)
    assert found == (sorted({image for image in images if image.startswith(HOST)}) if missing else [])
    assert sorted(map(str, registry.asked)) == [
        str([{"imageDigest": f"sha256:{'0' * 64}"}]),
        str([{"imageTag": "1"}]),
        str([{"imageTag": "latest"}]),
    ]


def test_the_users_own_retries_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_MAX_ATTEMPTS", raising=False)
    monkeypatch.delenv("AWS_RETRY_MODE", raising=False)
    target = targets.make("aws", tmp_path, "eu-west-1")
    assert target.connect()("ecs").meta.config.retries == {"mode": "standard", "total_max_attempts": 8}
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    assert target.connect()("ecs").meta.config.retries == {"mode": "adaptive", "total_max_attempts": 3}
