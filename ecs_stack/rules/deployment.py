"""Rolling deployments: whether the limits leave room to replace a task.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

from __future__ import annotations

import math


def stuck_problem(count: int, minimum_percent: int, maximum_percent: int) -> str | None:
    """Why a deployment of ``count`` tasks could neither start a task nor stop one; None if it can.

    ECS rounds the minimum up and the maximum down.
    """
    least = math.ceil(count * minimum_percent / 100)
    most = math.floor(count * maximum_percent / 100)
    if most > count or least < count or count == 0:
        return None
    return (
        f"no task could ever be replaced: of {count}, at least {least} have to run (minimum_percent "
        f"{minimum_percent}) and at most {most} may (maximum_percent {maximum_percent}). "
        f"Write maximum_percent {100 + math.ceil(100 / count)} or more, or a lower minimum_percent."
    )
