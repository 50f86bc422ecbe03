"""Where an environment's stack is: its backend, its target, and whether they are the ones that its file names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecs_stack import spec, states, targets
from ecs_stack.automation import engine as engines
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import Stack
from ecs_stack.cancellation import Cancellation
from ecs_stack.errors import NotFoundError, RefusedError, SpecError
from ecs_stack.outputs import EXPORT, StackOutputs
from ecs_stack.progress import OnProgress
from ecs_stack.results import Progress
from ecs_stack.rules.ephemeral import HOST_TAG
from ecs_stack.targets import Session, Target


@dataclass(frozen=True)
class Found:
    """A stack that exists. ``outputs`` is None after an up that failed before the end, ``account`` if that got to
    no resource that tells."""

    backend: Backend
    target: Target
    outputs: StackOutputs | None
    account: str | None

    def need_outputs(self, name: str) -> StackOutputs:
        """The outputs. Raises NotFoundError if there are none yet."""
        if self.outputs is None:
            raise NotFoundError(
                f"the last up of {name} didn't finish, so there is nothing to look at yet",
                hint=f"Run `ecs-stack up {name}` again, or `ecs-stack destroy {name}`.",
            )
        return self.outputs


@dataclass(frozen=True)
class Place:
    """The environment ``name`` of the project in ``root``; ``described`` is its file, or what is wrong with that."""

    root: Path
    name: str
    described: spec.Environment | SpecError

    @property
    def spec(self) -> spec.Environment:
        """What the file says. Raises SpecError if it is missing or wrong."""
        if isinstance(self.described, SpecError):
            raise self.described
        return self.described

    @property
    def project(self) -> str:
        """What Pulumi.yaml calls the project."""
        return Backend.local(self.root).project

    def target(self) -> Target:
        """The target that the file names."""
        return targets.make(self.spec.target, self.root, self.spec.region)

    def stack(
        self, engine: engines.Engine, environment: Mapping[str, str], cancellation: Cancellation | None = None
    ) -> Stack:
        """The stack that an up makes or changes."""
        backend = states.backend_of(self.root, self.spec)
        return Stack(backend, self.name, engine=engine, environment=environment, cancellation=cancellation)

    def stacks(self, engine: engines.Engine) -> list[tuple[Backend, Stack]]:
        """Every place where the stack may be; it need not be in any."""
        described = None if isinstance(self.described, SpecError) else self.described
        return [
            (backend, Stack(backend, self.name, engine=engine, environment=os.environ))
            for backend in states.backends(self.root, described)
        ]

    def wake(self) -> None:
        """Starts what the state is reached through, where the file tells."""
        if not isinstance(self.described, SpecError):
            states.wake(self.root, self.described)

    def applied(self, engine: engines.Engine, target: Target) -> StackOutputs | None:
        """The outputs of the stack as it is now; None before the first up. Refuses a stack of another target, and an
        ephemeral environment's: the file would make a whole environment of it."""
        stack = self.stack(engine, os.environ)
        if not stack.exists():
            return None
        outputs = read_outputs(stack.outputs())
        # An up that didn't get to its end has tagged what it made.
        if outputs.ephemeral if outputs else stack.tagged(HOST_TAG):
            raise RefusedError(
                f"there is an ephemeral environment called {self.name}, and its file isn't for that",
                hint=f"Give envs/{self.name}.yaml another name, or run `ecs-stack ephemeral down {self.name}` first.",
            )
        accounts = {outputs.account} if outputs else stack.accounts()
        self._refuse_other(targets.of_accounts(accounts) or target.name, target.name)
        states.refuse_encrypted_otherwise(self.name, stack, states.backend_of(self.root, self.spec))
        if outputs and outputs.region != target.region:
            self._refuse_moved("region", outputs.region, target.region)
        account = targets.account_of(accounts)
        if target.name == targets.AwsTarget.name and account and account != self.spec.account:
            if self.spec.account:
                self._refuse_moved("account", account, self.spec.account)
            target.identify(account=account)
        return outputs

    def find(self, engine: engines.Engine) -> Found:
        """The stack, and the target it lives on: its outputs tell, or the file where it has none yet.

        Raises NotFoundError if there is none.
        """
        for backend, stack in self.stacks(engine):
            if not stack.exists():
                continue
            outputs = read_outputs(stack.outputs())
            accounts = {outputs.account} if outputs else stack.accounts()
            if outputs:
                target = targets.of_stack(outputs, self.root)
            else:
                # An up that failed: its resources tell, and the file where it got to none.
                actual = targets.of_accounts(accounts) or self.spec.target
                target = targets.make(actual, self.root, self.spec.region)
            if not isinstance(self.described, SpecError):
                self._refuse_other(target.name, self.described.target)
            return Found(backend, target, outputs, targets.account_of(accounts))
        raise NotFoundError(
            f"there is no stack for {self.name}: it was never applied, or it was destroyed",
            hint=f"`ecs-stack up {self.name}` makes it.",
        )

    def refuse_elsewhere(self, engine: engines.Engine, session: Session) -> None:
        """Refuses to make a stack that is there already, where the file doesn't say."""
        if not self.stack(engine, session.environment).exists():
            states.refuse_elsewhere(self.root, self.name, states.backend_of(self.root, self.spec), session)

    def _refuse_other(self, actual: str, wanted: str) -> None:
        if actual != wanted:
            raise RefusedError(
                f"the stack of {self.name} was made on the target {actual}, not on {wanted}",
                hint=f"Destroy it there first: `ecs-stack destroy {self.name} --target {actual}`.",
            )

    def _refuse_moved(self, what: str, actual: str, wanted: str) -> None:
        raise RefusedError(
            f"the stack of {self.name} is in the {what} {actual}, and its file says {wanted}",
            hint=f"Put {what} {actual} back into the file; or `ecs-stack destroy {self.name}`, and `up` makes it anew.",
        )


def find_engine(on_progress: OnProgress | None = None) -> engines.Engine:
    """The engine; found or made, with progress. Raises EngineError."""

    def say(line: str) -> None:
        if on_progress:
            on_progress(Progress(message=line))

    return engines.ensure(say)


def read_outputs(exported: Any) -> StackOutputs | None:
    """The typed outputs among what a stack exports; None if an up didn't get that far."""
    if EXPORT not in exported:
        return None
    try:
        return StackOutputs.from_dict(exported[EXPORT])
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            f"the stack's outputs can't be read: {error}",
            hint="Use the version of ecs-stack that wrote them.",
        ) from error
