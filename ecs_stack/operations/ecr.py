"""Images in Amazon ECR: whether they are there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack.rules import images

_MISSING = {"ImageNotFoundException", "RepositoryNotFoundException"}


def missing_images(references: Collection[str], *, client: Callable[[str, str], Any]) -> list[str]:
    """Those that ECR says it doesn't have, sorted. ``client`` makes one of a service in a region.

    Images from elsewhere are left out: only the tasks' own network and credentials can tell. So are those that these
    credentials may not ask about.
    """
    return [reference for reference in sorted(set(references)) if _is_missing(reference, client)]


def _is_missing(reference: str, client: Callable[[str, str], Any]) -> bool:
    image, repository = images.parse(reference), images.ecr_repository(reference)
    if image is None or repository is None:
        return False
    wanted = {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag or "latest"}
    try:
        client("ecr", repository.region).describe_images(
            registryId=repository.account, repositoryName=repository.name, imageIds=[wanted]
        )
    except ClientError as error:
        return error.response.get("Error", {}).get("Code") in _MISSING
    except BotoCoreError:
        return False
    return False
