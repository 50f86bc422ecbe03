"""Where the state of an environment is kept."""

from __future__ import annotations

from typing import Annotated

from ecs_stack.rules import state
from ecs_stack.spec.base import Model, rule


class State(Model):
    """Where the stack's state is kept, and what encrypts the secrets in it.

    PULUMI_BACKEND_URL comes before `backend`, on aws. On local, s3:// and awskms:// are those of the local cloud.
    `--target` with another target than the file's leaves all of this aside.
    """

    backend: Annotated[str, rule(state.backend_problem)] | None = None
    """s3://BUCKET (`ecs-stack bootstrap` makes it), https://api.pulumi.com, or file:///FOLDER, a folder that is shared;
    by default .ecs-stack/state in the project's folder."""
    secrets: Annotated[str, rule(state.secrets_problem)] | None = None
    """awskms://alias/NAME or passphrase. By default a passphrase: that of PULUMI_CONFIG_PASSPHRASE, of
    PULUMI_CONFIG_PASSPHRASE_FILE, or in .ecs-stack/passphrase. Pulumi Cloud has a key of its own."""
