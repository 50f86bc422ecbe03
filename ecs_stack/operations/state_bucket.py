"""State in an S3 bucket, read without the engine; failures say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack.errors import RefusedError
from ecs_stack.operations.aws_errors import credentials_problem
from ecs_stack.rules.state import Bucket

#: What HTTP says of an object or bucket that isn't there, in the words that S3 has for it.
_NO_OBJECT = {"NoSuchKey", "404"}


class BucketStore:
    """The files of ``bucket``, by a boto3 client of S3. ``environment`` is for messages.

    ``owner``, if it is known, is the account that the bucket has to belong to: a bucket that was deleted may be
    somebody else's now.
    """

    def __init__(self, s3: Any, bucket: Bucket, environment: str, owner: str | None = None) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._environment = environment
        self._request = {"Bucket": bucket.name, **({"ExpectedBucketOwner": owner} if owner else {})}

    def read(self, key: str) -> bytes | None:
        """See automation.store.Store."""
        with self._translated():
            try:
                answer = self._s3.get_object(**self._request, Key=self._bucket.prefix + key)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _NO_OBJECT:
                    return None
                raise
            content: bytes = answer["Body"].read()
            return content

    def names(self, folder: str) -> list[str]:
        """See automation.store.Store."""
        prefix = f"{self._bucket.prefix}{folder}/"
        with self._translated():
            pages = self._s3.get_paginator("list_objects_v2").paginate(**self._request, Prefix=prefix, Delimiter="/")
            return sorted(each["Key"].removeprefix(prefix) for page in pages for each in page.get("Contents", ()))

    def write(self, key: str, content: bytes) -> None:
        """See automation.store.Store."""
        with self._translated():
            self._s3.put_object(**self._request, Key=self._bucket.prefix + key, Body=content)

    def delete(self, key: str) -> None:
        """See automation.store.Store."""
        with self._translated():
            self._s3.delete_object(**self._request, Key=self._bucket.prefix + key)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: ClientError | BotoCoreError) -> RefusedError:
        name, environment = self._bucket.name, self._environment
        if problem := credentials_problem(error):
            return problem
        if isinstance(error, BotoCoreError):
            return RefusedError(
                f"the state of {environment} can't be read, for S3 isn't reached: {error}",
                hint="Check the network and the proxy.",
            )
        code, words = (str(error.response.get("Error", {}).get(part, "")) for part in ("Code", "Message"))
        if code == "NoSuchBucket":
            return RefusedError(
                f"there is no bucket {name}, where the state of {environment} is kept",
                hint=f"`ecs-stack bootstrap {environment}` makes it; or correct `state` in the environment file.",
            )
        if code in ("AccessDenied", "AllAccessDisabled", "403"):
            return RefusedError(
                f"these credentials may not use the bucket {name}, where the state of {environment} is kept: {code}",
                hint="Use credentials of the environment's account, with s3:ListBucket on the bucket and s3:GetObject, "
                "s3:PutObject and s3:DeleteObject on what is in it.",
            )
        return RefusedError(
            f"the state of {environment} can't be read from the bucket {name}: {code}: {words}".rstrip(": "),
            hint="Correct `state` in the environment file, or PULUMI_BACKEND_URL.",
        )
