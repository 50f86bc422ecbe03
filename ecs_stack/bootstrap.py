"""The place for the state of an environment, before there is any: a bucket and a key, on the environment's target."""

from __future__ import annotations

from pathlib import Path

from ecs_stack import spec, targets
from ecs_stack.automation.backend import Backend
from ecs_stack.errors import InterruptedRunError, RefusedError
from ecs_stack.operations.aws_errors import translated
from ecs_stack.operations.bootstrap import make_bucket, make_key
from ecs_stack.results import BootstrapReceipt
from ecs_stack.rules import state as rules
from ecs_stack.rules.tags import PROJECT, STATE


def bootstrap(root: Path, described: spec.Environment) -> BootstrapReceipt:
    """Makes the bucket and the key that the file's ``state`` names, or ones of this project where it names none.

    Raises RefusedError for state that isn't in S3, for credentials of another account, and for a bucket or key that
    is there and isn't ours.
    """
    project, state = Backend.local(root).project, described.state
    target = targets.make(described.target, root, described.region)
    target.wake()
    target.identify(account=described.account)
    with translated(described.name):
        account = str(target.connect()("sts").get_caller_identity()["Account"])
    backend = state.backend or f"s3://{rules.default_bucket(project, account, described.region)}"
    bucket = rules.bucket(backend, described.region)
    if bucket is None:
        raise RefusedError(
            f"the state of {described.name} is kept in {state.backend}: there is no bucket to make for it",
            hint="Write `backend: s3://BUCKET` in `state` of the environment file, or take `backend` out of it.",
        )
    secrets = state.secrets or f"awskms://{rules.default_alias(bucket.name)}"
    alias = rules.default_alias(bucket.name) if secrets == rules.PASSPHRASE else rules.alias(secrets)
    if alias is None:
        raise RefusedError(
            f"the secrets in the state of {described.name} are encrypted with {secrets}, which names no alias: "
            "a key that is made gets its own number",
            hint="Write `secrets: awskms://alias/NAME` in `state` of the environment file.",
        )
    tags = {PROJECT: project, STATE: bucket.name}
    client = targets.make(described.target, root, bucket.region).connect()
    try:
        with translated(described.name):
            key, steps = make_key(client("kms"), alias, tags)
            steps += make_bucket(client("s3"), bucket.name, account=account, region=bucket.region, key=key, tags=tags)
    except KeyboardInterrupt as error:
        raise InterruptedRunError(
            f"the bootstrap of {described.name} was interrupted",
            hint=f"Run `ecs-stack bootstrap {described.name}` again: it makes what is missing.",
        ) from error
    return BootstrapReceipt(
        environment=described.name,
        account=account,
        region=bucket.region,
        bucket=bucket.name,
        key=key,
        steps=tuple(steps),
        state={"backend": backend, "secrets": secrets},
        declared=(state.backend, state.secrets) == (backend, secrets),
    )
