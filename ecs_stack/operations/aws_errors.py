"""The one place where a failed AWS request of an operation becomes an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack.errors import EcsStackError


@contextmanager
def translated(environment: str) -> Iterator[None]:
    """A block of AWS requests for an environment. Raises EcsStackError with AWS's code and words."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        words = error.response.get("Error", {}).get("Message", "")
        hint = None
        if code.endswith(("NotFoundException", "NotFound")):
            hint = (
                f"The stack of {environment} knows of something that isn't there any more. `pulumi refresh` tells the "
                f"stack what is, `ecs-stack destroy {environment}` takes the rest away."
            )
        raise EcsStackError(f"{error.operation_name} failed: {code}: {words}".rstrip(": "), hint=hint) from error
    except BotoCoreError as error:
        raise EcsStackError(f"AWS wasn't reached: {error}") from error
