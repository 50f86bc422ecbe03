"""The one place where a failed AWS request becomes an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack.errors import EcsStackError, RefusedError
from ecs_stack.rules import passing_errors

_SIGN_IN = "Sign in again (`aws sso login`), or get new keys, and name them with AWS_PROFILE."

#: AWS's codes for credentials that it doesn't take, why, and what to do.
#: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_CODES = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"), ("the credentials have expired", _SIGN_IN)
    ),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId"),
        (
            "there is no such access key, or the region isn't enabled in its account",
            "Correct the keys or AWS_PROFILE (`aws sts get-caller-identity` has to work), or enable the region.",
        ),
    ),
    **dict.fromkeys(
        ("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"),
        (
            "the secret key doesn't belong to the access key, or this machine's clock is wrong",
            "Correct AWS_SECRET_ACCESS_KEY or the profile, and check the clock.",
        ),
    ),
}
_NONE_SET = "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in (`aws sso login`)."


def credentials_problem(error: BotoCoreError | ClientError) -> RefusedError | None:
    """What is wrong with the credentials that a request was made with; None if something else is."""
    match error:
        case ClientError():
            why, hint = _CODES.get(str(error.response.get("Error", {}).get("Code", "")), (None, ""))
        case exceptions.NoCredentialsError():
            why, hint = "there are no credentials", _NONE_SET
        case exceptions.PartialCredentialsError():
            why, hint = f"the credentials are incomplete ({_words(error)})", _NONE_SET
        case exceptions.ProfileNotFound():
            why, hint = _words(error), "Correct AWS_PROFILE: `aws configure list-profiles` has those there are."
        case (
            exceptions.CredentialRetrievalError()
            | exceptions.SSOError()
            | exceptions.TokenRetrievalError()
            | exceptions.RefreshWithMFAUnsupportedError()
            | exceptions.LoginError()
        ):
            why, hint = f"the credentials can't be had ({_words(error)})", _SIGN_IN
        case _:
            why, hint = None, ""
    return RefusedError(f"AWS doesn't know who you are: {why}", hint=hint) if why else None


def not_reached(error: BotoCoreError | ClientError) -> RefusedError:
    """No answer that tells whose the credentials are, and they aren't what is wrong."""
    return RefusedError(
        f"AWS isn't reached: {_words(error)}",
        hint="Check the network and the proxy (`aws sts get-caller-identity` has to work).",
    )


@contextmanager
def translated(environment: str, *, changed: bool = False) -> Iterator[None]:
    """A block of AWS requests for an environment. Raises EcsStackError with AWS's code and words, or RefusedError for
    credentials that AWS doesn't take, unless something was ``changed`` already."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        refused = credentials_problem(error)
        if refused and not changed:
            raise refused from error
        if refused:
            raise EcsStackError(refused.message, hint=refused.hint) from error
        if isinstance(error, exceptions.WaiterError):
            raise EcsStackError(_words(error), hint=_later(str(error))) from error
        if isinstance(error, BotoCoreError):
            raise EcsStackError(f"AWS wasn't reached: {error}") from error
        raise _told(error, environment) from error


def _told(error: ClientError, environment: str) -> EcsStackError:
    code = error.response.get("Error", {}).get("Code", "")
    words = error.response.get("Error", {}).get("Message", "")
    hint = _later(code)
    if code.endswith(("NotFoundException", "NotFound")):
        hint = (
            f"The stack of {environment} knows of something that isn't there any more. `pulumi refresh` tells the "
            f"stack what is, `ecs-stack destroy {environment}` takes the rest away."
        )
    return EcsStackError(f"{error.operation_name} failed: {code}: {words}".rstrip(": "), hint=hint)


def _later(said: str) -> str | None:
    return passing_errors.LATER if passing_errors.is_passing(said) else None


def _words(error: Exception) -> str:
    return str(error).rstrip(".")
