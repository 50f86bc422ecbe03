"""Image references: ``[REGISTRY[:PORT]/]REPOSITORY[:TAG][@DIGEST]``.

The grammar is distribution's: https://pkg.go.dev/github.com/distribution/reference
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ecs_stack.rules import arns

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    r"(?:(?P<registry>(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+|[a-zA-Z0-9-]+(?=:\d))(?::\d+)?)/)?"
    rf"(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-f]{32,}))?",
    re.ASCII,
)
_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)"
)


@dataclass(frozen=True)
class Image:
    """A parsed reference. ``registry`` is None where the text names none (Docker Hub, or this machine)."""

    registry: str | None
    repository: str
    tag: str | None
    digest: str | None


@dataclass(frozen=True)
class EcrRepository:
    """A private repository of Amazon ECR."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:{arns.partition(self.region)}:ecr:{self.region}:{self.account}:repository/{self.name}"


def parse(reference: str) -> Image | None:
    """The parts of an image reference; None if it isn't one."""
    match = _REFERENCE.fullmatch(reference)
    return Image(**match.groupdict()) if match and len(reference) <= 255 else None


def ecr_repository(reference: str) -> EcrRepository | None:
    """The private ECR repository that an image comes from; None if it comes from elsewhere."""
    image = parse(reference)
    match = _ECR.fullmatch(image.registry) if image and image.registry else None
    return EcrRepository(match["account"], match["region"], image.repository) if image and match else None
