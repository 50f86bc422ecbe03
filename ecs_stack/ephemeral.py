"""Ephemeral environments in Python: one per pull request, on a host's network, cluster and load balancer.

>>> from ecs_stack import Ephemeral
>>> receipt = Ephemeral(Path("."), "pr-42").up(images={"api": "ghcr.io/acme/api:42"})
>>> receipt.url
'http://pr-42.localhost:34567/'

Library code, as ``environment`` is: many may be made at once, from threads and from processes.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecs_stack import ephemeral_runs, spec
from ecs_stack.cancellation import Cancellation
from ecs_stack.ephemeral_results import EphemeralReceipt, ExtendReceipt
from ecs_stack.ephemeral_runs import Order
from ecs_stack.errors import RefusedError
from ecs_stack.progress import OnProgress
from ecs_stack.results import DestroyReceipt
from ecs_stack.rules import ephemeral as rules

#: Who pushed, as CI systems say: GitHub Actions, GitLab CI, Jenkins (build-user-vars).
_CI_USERS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_USER_ID")


class Ephemeral:
    """The ephemeral environment ``name`` of the project in ``root``; it need not be there yet.

    What every method may raise: RefusedError (SpecError, NotFoundError, EngineError, DockerError, LockedError) before
    anything is touched, UpdateFailedError if the engine fails, EcsStackError if AWS refuses a request, and
    InterruptedRunError after ``cancellation``.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root = root.resolve()
        self.name = name

    @classmethod
    def of_branch(cls, root: Path, branch: str) -> Ephemeral:
        """The environment of a branch: a legal name, always the same for it, and another for every other branch."""
        return cls(root, rules.name_of_branch(branch))

    def up(
        self,
        *,
        images: Mapping[str, str] | None = None,
        settings: Sequence[str] = (),
        host: str | None = None,
        ttl: str | None = None,
        branch: str | None = None,
        sha: str | None = None,
        owner: str | None = None,
        protect: bool | None = None,
        on_progress: OnProgress | None = None,
        wait: bool = False,
        cancellation: Cancellation | None = None,
    ) -> EphemeralReceipt:
        """Makes it, or changes it in place, and waits until each of its services runs the revision that was asked for.

        It is what ``envs/preview.yaml``, the host's file and these arguments say, whatever an earlier up said:
        ``images`` by service, ``settings`` such as ``services.api.environment.X=1``, ``branch`` and ``sha`` for the
        template's variables. It then lives for ``ttl`` (72h; none: until it is taken down): the template's without
        one, unless it was pinned before. A prune leaves it alone with ``protect``. ``owner`` and ``protect`` are kept
        if they aren't given again. While another run changes it, this waits with ``wait``, and raises LockedError
        without. Raises RolledBackError or DeploymentFailedError, with the receipt, if a service doesn't reach its
        revision.
        """
        if ttl and (problem := rules.ttl_problem(ttl)):
            raise RefusedError(f"the time to live {problem}")
        request = spec.Request(
            name=self.name, host=host, branch=branch, sha=sha, images=images or {}, settings=tuple(settings)
        )
        order = Order(request=request, ttl=ttl, owner=owner or _user(), new_owner=owner is not None, protect=protect)
        return ephemeral_runs.up(
            self.root, order, on_progress=on_progress, wait=wait, cancellation=cancellation or Cancellation()
        )

    def extend(
        self,
        ttl: str | None = None,
        *,
        protect: bool | None = None,
        on_progress: OnProgress | None = None,
        wait: bool = False,
        cancellation: Cancellation | None = None,
    ) -> ExtendReceipt:
        """Lets it live for ``ttl`` from now on; without one, for as long as the last up said. Changes nothing else, but
        ``protect`` if it is given."""
        return ephemeral_runs.extend(
            self.root,
            self.name,
            ttl,
            protect,
            on_progress=on_progress,
            wait=wait,
            cancellation=cancellation or Cancellation(),
        )

    def down(
        self,
        *,
        on_progress: OnProgress | None = None,
        wait: bool = False,
        cancellation: Cancellation | None = None,
    ) -> DestroyReceipt:
        """Deletes all of it, and nothing else. Raises NotFoundError if there is none."""
        return ephemeral_runs.down(
            self.root, self.name, on_progress=on_progress, wait=wait, cancellation=cancellation or Cancellation()
        )


def _user() -> str:
    """Whose environment it is, if nobody says: who pushed, in CI; who is signed in on this machine otherwise."""
    for variable in _CI_USERS:
        if value := os.environ.get(variable):
            return value
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in many containers
        return "unknown"
