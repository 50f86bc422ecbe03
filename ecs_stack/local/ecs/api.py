"""Amazon ECS for the local target: requests in, responses out, and the scheduler behind them."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from ecs_stack.local import routes
from ecs_stack.local.addresses import AddressBook
from ecs_stack.local.ecs import idempotency, protocol
from ecs_stack.local.ecs.context import Context
from ecs_stack.local.ecs.errors import EcsError, unsupported
from ecs_stack.local.ecs.events import EventSink
from ecs_stack.local.ecs.operations import OPERATIONS
from ecs_stack.local.ecs.reconciler import Reconciler
from ecs_stack.local.ecs.runner.model import ClientFactory, TaskRunner
from ecs_stack.local.ecs.store import Store
from ecs_stack.local.ecs.targets import Targets

_LOG = logging.getLogger(__name__)


class EcsService:
    """One account's Amazon ECS, in every region.

    ``state_dir`` keeps everything that was answered. ``clients`` reaches the other services; ``runner``
    runs tasks (None: they are recorded only); ``addresses`` learns where running tasks answer.
    """

    def __init__(
        self,
        *,
        state_dir: Path,
        account: str,
        clients: ClientFactory,
        runner: TaskRunner | None,
        addresses: AddressBook,
    ) -> None:
        self._account = account
        self._clients = clients
        self._store = Store(state_dir / "ecs.sqlite")
        self._events = EventSink(clients)
        self._reconciler = Reconciler(
            store=self._store,
            context=self._context,
            runner=runner,
            addresses=addresses,
            targets=Targets(clients),
        )

    def start(self) -> None:
        """Adopt running containers and start the scheduler."""
        self._events.start()
        self._reconciler.start()

    def stop(self) -> None:
        """Stop the scheduler. Containers live on, and are adopted by the next ``start``."""
        self._reconciler.stop()
        self._events.stop()
        self._store.close()

    def handle(self, *, region: str, target: str, body: bytes, invocation: str = "") -> protocol.Response:
        """Answer one request: status, headers, body. ``target`` is the X-Amz-Target header. Thread-safe.

        A request with the ``invocation`` (the SDK's identity of a call) of one that succeeded gets its answer.
        """
        try:
            name, params = protocol.parse(target, body)
            operation = OPERATIONS.get(name)
            if operation is None:
                raise unsupported(f"The operation {name}")
            ctx = self._context(region)
            facts = operation.look_up(ctx, params) if operation.look_up else None
            with self._store.transaction():
                answer = idempotency.answered(ctx, invocation)
                if answer is None:
                    answer = protocol.render(name, operation(ctx, params, facts))
                    if routes.mutates("POST", name):
                        idempotency.remember_answer(ctx, invocation, answer)
        except EcsError as error:
            return protocol.failure(error)
        except Exception as error:
            _LOG.exception("%s failed", target)
            text = f"The local Amazon ECS failed: {type(error).__name__}: {error}"
            return protocol.failure(EcsError("ServerException", text, status=500))
        return protocol.success(answer)

    def _context(self, region: str) -> Context:
        return Context(
            region=region,
            account=self._account,
            store=self._store,
            clients=self._clients,
            events=self._events,
            now=time.time,
            wake=self._reconciler.wake,
        )
