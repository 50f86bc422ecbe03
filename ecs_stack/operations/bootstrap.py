"""A bucket for state and the KMS key for it. Asked for again, it makes what is missing and puts right what differs.

What is there and isn't ours, by its account and its tags, is refused and left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ecs_stack.errors import RefusedError
from ecs_stack.results import BootstrapOutcome, BootstrapStep

#: Old versions of the state are kept so many days, and the last ones for longer: each step of a run writes one.
KEPT_DAYS, KEPT_VERSIONS = 90, 10

_ABSENT = {"404", "NoSuchBucket", "NotFoundException"}
#: What S3 answers of a setting that was never made.
_UNSET = {
    "NoSuchTagSet",
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
}
_PRIVATE = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


def make_key(kms: Any, alias: str, tags: Mapping[str, str]) -> tuple[str, list[BootstrapStep]]:
    """The ARN of the key that ``alias`` names, with what was done. Rotates every year.

    The key's policy is AWS's default: the account's administrators give access to it by IAM.
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    found = _unless_absent(lambda: kms.describe_key(KeyId=alias)["KeyMetadata"])
    if found is not None:
        _refuse_strange_key(kms, alias, found, tags)
    outcome = BootstrapOutcome.KEPT if found else BootstrapOutcome.MADE
    if found is None:
        found = _key_without_alias(kms, tags) or _new_key(kms, alias, tags)
        kms.create_alias(AliasName=alias, TargetKeyId=found["KeyId"])
    steps = [BootstrapStep(what="KMS key", name=alias, outcome=outcome)]
    rotates = kms.get_key_rotation_status(KeyId=found["KeyId"])["KeyRotationEnabled"]
    if not rotates:
        kms.enable_key_rotation(KeyId=found["KeyId"])
    steps.append(_step("rotation", "every year", rotates))
    return str(found["Arn"]), steps


def make_bucket(
    s3: Any, name: str, *, account: str, region: str, key: str, tags: Mapping[str, str]
) -> list[BootstrapStep]:
    """A bucket that is versioned, private, takes TLS only, and encrypts with ``key``; what was done."""
    request = {"Bucket": name, "ExpectedBucketOwner": account}
    there = _is_ours(s3, request, region, tags)
    if not there:
        # The tags come with the bucket: a run that is killed here leaves one that the next run knows as ours.
        where = {} if region == "us-east-1" else {"LocationConstraint": region}
        s3.create_bucket(
            Bucket=name,
            ObjectOwnership="BucketOwnerEnforced",
            CreateBucketConfiguration={**where, "Tags": _pairs(tags)},
        )
    steps = [_step("bucket", name, there)]

    def ensure(what: str, text: str, now: Any, wanted: Any, change: Callable[[], object]) -> None:
        if now != wanted:
            change()
        steps.append(_step(what, text, now == wanted))

    def read(operation: str, part: str) -> Any:
        try:
            return getattr(s3, operation)(**request).get(part)
        except ClientError as error:
            if _code(error) in _UNSET:
                return None
            raise

    access = read("get_public_access_block", "PublicAccessBlockConfiguration")
    ensure(
        "public access", "blocked", access, _PRIVATE,
        lambda: s3.put_public_access_block(**request, PublicAccessBlockConfiguration=_PRIVATE),
    )  # fmt: skip
    owner = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    ensure(
        "ownership", "the bucket's owner owns every object", read("get_bucket_ownership_controls", "OwnershipControls"),
        owner, lambda: s3.put_bucket_ownership_controls(**request, OwnershipControls=owner),
    )  # fmt: skip
    partition = key.split(":")[1]
    policy = json.dumps(_tls_only(f"arn:{partition}:s3:::{name}"))
    ensure(
        "policy", "requests without TLS are denied", _json(read("get_bucket_policy", "Policy")), json.loads(policy),
        lambda: s3.put_bucket_policy(**request, Policy=policy),
    )  # fmt: skip
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": True,
    }
    encryption = read("get_bucket_encryption", "ServerSideEncryptionConfiguration")
    now = [{name: each.get(name) for name in rule} for each in (encryption or {}).get("Rules", ())]
    ensure(
        "encryption", "with the key, by a bucket key", now, [rule],
        lambda: s3.put_bucket_encryption(**request, ServerSideEncryptionConfiguration={"Rules": [rule]}),
    )  # fmt: skip
    ensure(
        "versioning", "enabled", read("get_bucket_versioning", "Status"), "Enabled",
        lambda: s3.put_bucket_versioning(**request, VersioningConfiguration={"Status": "Enabled"}),
    )  # fmt: skip
    lifecycle = [
        {
            "ID": "ecs-stack-old-versions",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": KEPT_DAYS, "NewerNoncurrentVersions": KEPT_VERSIONS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
    ]
    ensure(
        "old versions", f"kept {KEPT_DAYS} days, the last {KEPT_VERSIONS} for longer",
        read("get_bucket_lifecycle_configuration", "Rules"), lifecycle,
        lambda: s3.put_bucket_lifecycle_configuration(**request, LifecycleConfiguration={"Rules": lifecycle}),
    )  # fmt: skip
    return steps


def _is_ours(s3: Any, request: Mapping[str, str], region: str, tags: Mapping[str, str]) -> bool:
    """Whether the bucket is there. Raises RefusedError if it is, and isn't ours."""
    name = request["Bucket"]
    hint = "Name another bucket in `state.backend` of the environment file."
    try:
        # A bucket of another account answers 403, as does one that these credentials may not list.
        where = s3.head_bucket(**request).get("BucketRegion", region)
        found = {each["Key"]: each["Value"] for each in s3.get_bucket_tagging(**request)["TagSet"]}
    except ClientError as error:
        code = _code(error)
        if code in _ABSENT:
            return False
        if code in ("403", "AccessDenied"):
            raise RefusedError(
                f"the bucket {name} is another account's, or these credentials may not use it", hint=hint
            ) from error
        if code not in _UNSET:
            raise
        where, found = region, {}
    if not tags.items() <= found.items():
        raise RefusedError(
            f"the bucket {name} is there, and ecs-stack didn't make it for this project: it hasn't the tags "
            f"{', '.join(f'{key}={value}' for key, value in tags.items())}",
            hint=hint,
        )
    if where != region:
        raise RefusedError(
            f"the bucket {name} is in {where}, not in {region}",
            hint=f"Write `backend: s3://{name}?region={where}` in the environment file, or name another bucket.",
        )
    return True


def _refuse_strange_key(kms: Any, alias: str, key: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    hint = "Name another alias in `state.secrets` of the environment file."
    if not tags.items() <= _tags_of(kms, key["KeyId"]).items():
        raise RefusedError(
            f"{alias} names a key that ecs-stack didn't make for this project and bucket: it hasn't the tags "
            f"{', '.join(f'{name}={value}' for name, value in tags.items())}",
            hint=hint,
        )
    if key["KeyState"] != "Enabled":
        raise RefusedError(
            f"the key that {alias} names can't be used: it is {key['KeyState']}",
            hint=f"`aws kms cancel-key-deletion` and `enable-key` bring it back. {hint}",
        )


def _key_without_alias(kms: Any, tags: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The key of a run that was killed before it gave it a name."""
    for page in kms.get_paginator("list_keys").paginate():
        for each in page["Keys"]:
            try:
                ours = tags.items() <= _tags_of(kms, each["KeyId"]).items()
            except ClientError as error:
                if _code(error) == "AccessDeniedException":
                    continue  # a key whose policy keeps us out
                raise
            if ours:
                key: Mapping[str, Any] = kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]
                if key["KeyState"] == "Enabled":
                    return key
    return None


def _new_key(kms: Any, alias: str, tags: Mapping[str, str]) -> Mapping[str, Any]:
    pairs = [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
    description = f"State of ecs-stack environments ({alias})"
    key: Mapping[str, Any] = kms.create_key(Description=description, Tags=pairs)["KeyMetadata"]
    return key


def _tags_of(kms: Any, key: str) -> dict[str, str]:
    return {each["TagKey"]: each["TagValue"] for each in kms.list_resource_tags(KeyId=key)["Tags"]}


def _tls_only(bucket: str) -> dict[str, Any]:
    """A denial for everybody and everything: it gives nothing.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DenyRequestsWithoutTLS",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [bucket, f"{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def _step(what: str, name: str, there: bool) -> BootstrapStep:
    outcome = BootstrapOutcome.KEPT if there else BootstrapOutcome.MADE
    return BootstrapStep(what=what, name=name, outcome=outcome)


def _unless_absent(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ClientError as error:
        if _code(error) in _ABSENT:
            return None
        raise


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def _json(text: str | None) -> Any:
    return json.loads(text) if text else None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
