"""A bucket and a key for state: made once, put right, and never taken from somebody else. S3 and KMS are moto's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import moto
import pytest
from botocore.stub import Stubber

from ecs_stack.errors import RefusedError
from ecs_stack.operations.bootstrap import make_bucket, make_key
from ecs_stack.rules.tags import PROJECT, STATE

ACCOUNT, REGION, NAME = "123456789012", "eu-west-1", "acme-state"
TAGS = {PROJECT: "shop", STATE: NAME}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """Clients of S3 and KMS; moto answers them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with moto.mock_aws():
        yield boto3.client("s3", region_name=REGION), boto3.client("kms", region_name=REGION)


def bucket(s3: Any, key: str, tags: dict[str, str] = TAGS, region: str = REGION) -> dict[str, str]:
    steps = make_bucket(s3, NAME, account=ACCOUNT, region=region, key=key, tags=tags)
    return {step.what: step.outcome.value for step in steps}


def create(s3: Any, tags: dict[str, str], region: str = REGION) -> None:
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": region})
    if tags:
        pairs = [{"Key": name, "Value": value} for name, value in tags.items()]
        s3.put_bucket_tagging(Bucket=NAME, Tagging={"TagSet": pairs})


def test_what_is_there_is_kept_and_put_right(aws: tuple[Any, Any]) -> None:
    s3, kms = aws
    key, _ = make_key(kms, "alias/acme", TAGS)
    create(s3, TAGS)
    first = bucket(s3, key)
    assert first["bucket"] == "kept"
    assert first["encryption"] == first["versioning"] == first["policy"] == first["old versions"] == "made"
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Suspended"})
    again = bucket(s3, key)
    # moto forgets NewerNoncurrentVersions; tests/e2e/test_state_in_s3.py sees this one kept, too.
    assert {what for what, done in again.items() if done == "made"} - {"old versions"} == {"versioning"}
    assert s3.get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"


@pytest.mark.parametrize("tags", [{}, {PROJECT: "other", STATE: NAME}, {"team": "web"}], ids=str)
def test_a_bucket_that_is_not_the_projects_is_left_alone(aws: tuple[Any, Any], tags: dict[str, str]) -> None:
    s3, _ = aws
    create(s3, tags)
    with pytest.raises(RefusedError, match="the bucket acme-state is there, and ecs-stack didn't make it"):
        bucket(s3, "arn:aws:kms:eu-west-1:123456789012:key/1")
    assert "Status" not in s3.get_bucket_versioning(Bucket=NAME)


def test_a_bucket_of_another_account_is_refused() -> None:
    s3 = boto3.client("s3", region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing")
    with Stubber(s3) as stub:
        # What S3 answers if ExpectedBucketOwner isn't the owner; HEAD has no body, and so no words.
        expected = {"Bucket": NAME, "ExpectedBucketOwner": ACCOUNT}
        stub.add_client_error("head_bucket", "403", http_status_code=403, expected_params=expected)
        with pytest.raises(RefusedError, match="is another account's, or these credentials may not use it"):
            bucket(s3, "arn:aws:kms:eu-west-1:123456789012:key/1")


def test_a_key_is_made_once(aws: tuple[Any, Any]) -> None:
    _, kms = aws
    key, steps = make_key(kms, "alias/acme", TAGS)
    assert [step.outcome.value for step in steps] == ["made", "made"]
    again, steps = make_key(kms, "alias/acme", TAGS)
    assert (again, [step.outcome.value for step in steps]) == (key, ["kept", "kept"])
    kms.delete_alias(AliasName="alias/acme")
    named, _ = make_key(kms, "alias/acme", TAGS)
    assert named == key, "a run that was killed between the key and its name leaves no second one"


def test_a_key_that_is_not_the_projects_is_left_alone(aws: tuple[Any, Any]) -> None:
    _, kms = aws
    theirs = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/acme", TargetKeyId=theirs)
    with pytest.raises(RefusedError, match="alias/acme names a key that ecs-stack didn't make"):
        make_key(kms, "alias/acme", TAGS)
    assert not kms.get_key_rotation_status(KeyId=theirs)["KeyRotationEnabled"]


def test_a_key_that_is_going_to_be_deleted(aws: tuple[Any, Any]) -> None:
    _, kms = aws
    key, _ = make_key(kms, "alias/acme", TAGS)
    kms.schedule_key_deletion(KeyId=key.rpartition("/")[2])
    with pytest.raises(RefusedError, match="can't be used: it is PendingDeletion") as caught:
        make_key(kms, "alias/acme", TAGS)
    assert "cancel-key-deletion" in str(caught.value.hint)
