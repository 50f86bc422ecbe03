"""gRPC servers of the stand-in providers: on loopback, on a free port, with messages of any size."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

#: The engine works on up to 16 resources a processor at once, and each may wait for AWS.
_THREADS = 64
#: Seconds that requests under way get when a server stops.
_GRACE = 2.0
_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


class Later:
    """A servicer that is made when the first request for it comes, or by ``load`` before: the engine wants to know
    where it will be, half a second before it asks for anything."""

    def __init__(self, make: Callable[[], provider_pb2_grpc.ResourceProviderServicer]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: provider_pb2_grpc.ResourceProviderServicer | None = None

    def load(self) -> provider_pb2_grpc.ResourceProviderServicer:
        """The servicer, made once."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def __getattr__(self, method: str) -> Callable[[Any, grpc.ServicerContext], Any]:
        """A method of the protocol."""
        return lambda request, context: getattr(self.load(), method)(request, context)


@contextlib.contextmanager
def listening(servicer: provider_pb2_grpc.ResourceProviderServicer | Later) -> Iterator[int]:
    """Serve a provider while the block runs; the value is its port on 127.0.0.1."""
    threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="provider")
    server = grpc.server(threads, options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(
        cast(provider_pb2_grpc.ResourceProviderServicer, servicer), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(_GRACE).wait()
        threads.shutdown(wait=False, cancel_futures=True)
