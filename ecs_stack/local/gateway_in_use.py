"""Which certificates of MiniStack's ACM are in use: load balancers are moto's, so MiniStack can't know.

ACM names them in InUseBy, and refuses to delete the certificate (DeleteCertificate).
"""

from __future__ import annotations

from typing import Any

from ecs_stack.local import gateway_moto_listeners


def complete(acm: Any) -> None:
    """Tell the module ``ministack.services.acm``, which asks the same about signing profiles."""
    others = acm._signing_profiles_using

    def using(arn: str) -> list[str]:
        return [*gateway_moto_listeners.users_of(arn), *others(arn)]

    acm._signing_profiles_using = using
