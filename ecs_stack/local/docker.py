"""The Docker engine that the local cloud runs containers on, if one answers."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from pathlib import Path

import docker
import docker.errors
import requests.exceptions

#: Where an engine listens unless DOCKER_HOST says otherwise: Docker's own default, and the engine that
#: this project's set-up starts where there was none.
SOCKETS = ("/var/run/docker.sock", "/run/ecs-stack/docker.sock")
#: Seconds. Long enough for a busy engine, short enough to say that none answers.
TIMEOUT = 30


def find_docker() -> docker.DockerClient | None:
    """A client of the engine that answers: DOCKER_HOST alone if it is set, else the known sockets in turn."""
    for address in _addresses():
        client = connect(address)
        if client is not None:
            return client
    return None


def connect(address: str) -> docker.DockerClient | None:
    """A client of the engine at ``address``, or None if it doesn't answer."""
    try:
        client = docker.DockerClient(base_url=address, timeout=TIMEOUT)
    except docker.errors.DockerException:
        return None
    try:
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError):
        client.close()
        return None
    return client


def find_docker_host() -> str | None:
    """The address of the engine that ``find_docker`` finds, as DOCKER_HOST writes it."""
    for address in _addresses():
        client = connect(address)
        if client is not None:
            client.close()
            return address
    return None


def bridge_address(host: str | None) -> str | None:
    """The address by which containers on the engine's default bridge reach this machine, if there is one."""
    client = connect(host) if host else None
    if client is None:
        return None
    with contextlib.closing(client):
        try:
            network = client.networks.get("bridge")
        except docker.errors.NotFound:
            return None
    for config in network.attrs["IPAM"]["Config"] or ():
        subnet = ipaddress.ip_network(config["Subnet"], strict=False)
        if subnet.version == 4:
            # Where the engine says nothing it took the first address of the subnet.
            return str(config.get("Gateway") or next(subnet.hosts()))
    return None


def image_exists(ref: str) -> bool:
    """Whether the engine has the image, or a registry it can reach does. False without an engine."""
    client = find_docker()
    if client is None:
        return False
    with contextlib.closing(client):
        try:
            client.images.get(ref)
            return True
        except docker.errors.ImageNotFound:
            pass
        try:
            client.images.get_registry_data(ref)
            return True
        except docker.errors.APIError:
            return False


def _addresses() -> list[str]:
    configured = os.environ.get("DOCKER_HOST")
    if configured:
        return [configured]
    return [f"unix://{socket}" for socket in SOCKETS if Path(socket).exists()]
