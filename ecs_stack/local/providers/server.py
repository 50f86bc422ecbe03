"""gRPC servers of the stand-in providers: on loopback, on a free port, with messages of any size."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

#: The engine works on up to 16 resources a processor at once, and each may wait for AWS.
_THREADS = 64
#: Seconds that requests under way get when a server stops.
_GRACE = 2.0
_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


@contextlib.contextmanager
def listening(servicer: provider_pb2_grpc.ResourceProviderServicer) -> Iterator[int]:
    """Serve a provider while the block runs; the value is its port on 127.0.0.1."""
    threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="provider")
    server = grpc.server(threads, options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(_GRACE).wait()
        threads.shutdown(wait=False, cancel_futures=True)
