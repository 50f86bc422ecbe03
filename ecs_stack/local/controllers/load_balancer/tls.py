"""TLS of the fronts: certificates of an authority of this machine, for the names on a listener's certificates.

ACM gives no private key away, so a front can't have the certificate itself. Caddy makes the authority when the first
front needs it, and certificates for the same names. Nothing here touches what the machine trusts.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

#: The authority's certificate, below the local cloud's folder: what a client must trust. It is made once, is good for
#: ten years, and goes with `local reset`.
ROOT_CERTIFICATE = Path("caddy/pki/authorities/local/root.crt")
#: Caddy renews certificates when a third of their time is left, looking every ten minutes that the machine is awake.
#: Its own choice is 12 hours: after a night's sleep, or a night without the local cloud, they would be too old.
_LIFETIME = "720h"
#: Seconds until a front answers with its certificates; it takes 0.1.
_PATIENCE = 5.0

Json = dict[str, Any]

#: The root itself signs: fronts share their files, and each would renew the intermediate, so that the certificate of
#: one and the key of another could end up as a pair.
_ISSUER: Json = {"module": "internal", "ca": "local", "sign_with_root": True, "lifetime": _LIFETIME}


def apps(names: Sequence[str]) -> Json:
    """Caddy's ``apps`` for certificates of these names."""
    return {
        "pki": {"certificate_authorities": {"local": {"name": "ecs-stack local cloud", "install_trust": False}}},
        "tls": {
            "certificates": {"automate": list(names)},
            "automation": {"policies": [{"subjects": list(names), "issuers": [_ISSUER]}]},
        },
    }


def connection_policies(names: Sequence[str]) -> list[Json]:
    """Of a server: a client that names no host, or another one, gets the default certificate, as from an ALB.

    TLS is 1.2 or 1.3, whatever the listener's policy: Caddy has no older ones.
    """
    return [{"fallback_sni": names[0]}]


def wait_served(port: int, names: Sequence[str], base: Path) -> None:
    """Wait until 127.0.0.1:``port`` has valid certificates: Caddy listens before it makes or renews them."""
    deadline = time.monotonic() + _PATIENCE
    for name in names:
        while problem := _problem(port, name, base):
            if time.monotonic() > deadline:
                log.warning("127.0.0.1:%d has no certificate for %s: %s", port, name, problem)
                return
            time.sleep(0.01)


def _problem(port: int, name: str, base: Path) -> str | None:
    """Why a client that trusts the authority wouldn't accept what it gets for a name."""
    try:
        trusting = ssl.create_default_context(cafile=str(base / ROOT_CERTIFICATE))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=1) as connection,
            trusting.wrap_socket(connection, server_hostname=name.replace("*", "any")),
        ):
            return None
    except (OSError, ValueError) as error:  # ValueError: a name that no client can ask for
        return str(error)
