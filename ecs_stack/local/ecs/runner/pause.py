"""The container that owns a task's network namespace.

A task's containers share one network namespace, and any of them may exit while others go on, so none of them
can own it. A ``pause`` container owns it, as on ECS. Its image can't be pulled (no image registry may be
reachable) nor compiled (no compiler may be there), so it is made here: a tar with one static ELF executable
of a hundred-odd bytes, written byte by byte, imported through the Docker API. The program is the smallest
that does the job: wait for a signal, forever. It has no libc, no heap and no input; it is process 1 of its
own PID namespace, so that the kernel delivers it no signal but SIGKILL, which is how it is ended.
"""

from __future__ import annotations

import io
import struct
import tarfile
import threading
from typing import Any

import docker

#: Raise the tag when the program changes.
IMAGE = "ecs-stack-pause:1"

# The machine number of the ELF header and the code, for each architecture as Docker names it.
_PROGRAMS = {
    # again: mov eax, 34 (pause); syscall; jmp again
    "amd64": (62, bytes.fromhex("b822000000 0f05 ebf7")),
    # again: x8 = 73 (ppoll); x0..x3 = 0 (no descriptors, no timeout); svc 0; b again
    "arm64": (
        183,
        struct.pack("<7I", 0xD2800928, 0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD4000001, 0x17FFFFFA),
    ),
}
_LOAD_ADDRESS = 0x400000
_ELF_HEADER_SIZE, _PROGRAM_HEADER_SIZE = 64, 56
_lock = threading.Lock()


def executable(architecture: str) -> bytes:
    """A static ELF64 executable that waits forever.

    ``architecture`` is Docker's name of one (``docker version``). Raises ValueError for one that isn't known.
    """
    if architecture not in _PROGRAMS:
        raise ValueError(f"no pause program for the architecture {architecture!r}")
    machine, code = _PROGRAMS[architecture]
    offset = _ELF_HEADER_SIZE + _PROGRAM_HEADER_SIZE
    size = offset + len(code)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",  # 64 bits, little endian, version 1
        2,  # ET_EXEC
        machine,
        1,
        _LOAD_ADDRESS + offset,
        _ELF_HEADER_SIZE,
        0,
        0,
        _ELF_HEADER_SIZE,
        _PROGRAM_HEADER_SIZE,
        1,
        0,
        0,
        0,
    )
    # One PT_LOAD segment, readable and executable, the whole file.
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000)
    return header + segment + code


def ensure_image(api: Any) -> str:
    """The pause image's name, after importing it if this Docker engine doesn't have it yet."""
    with _lock:
        try:
            api.inspect_image(IMAGE)
        except docker.errors.ImageNotFound:
            content = executable(api.version()["Arch"])
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                member = tarfile.TarInfo("pause")
                member.size, member.mode = len(content), 0o755
                tar.addfile(member, io.BytesIO(content))
            repository, tag = IMAGE.split(":")
            api.import_image_from_data(
                archive.getvalue(), repository=repository, tag=tag, changes=['ENTRYPOINT ["/pause"]']
            )
    return IMAGE


def remove_image(client: docker.DockerClient) -> bool:
    """Remove the pause image unless a container still uses it. True if it was there and is gone."""
    try:
        client.images.remove(IMAGE)
    except (docker.errors.ImageNotFound, docker.errors.APIError):
        return False
    return True
