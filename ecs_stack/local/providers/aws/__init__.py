"""The stand-in for the ``aws`` provider plugin: create, read, update and delete through boto3 against one endpoint.

It implements the engine's ResourceProvider protocol for the resource types that the components use. Types are tables
(``types/``), with small functions where AWS has special cases.
"""

from __future__ import annotations

from .servicer import AwsServicer

__all__ = ["AwsServicer"]
