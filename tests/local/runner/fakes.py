"""Clients of CloudWatch Logs, SSM and Secrets Manager that behave as AWS's API references say, in memory."""

from __future__ import annotations

import io
import threading
from typing import Any

from botocore.exceptions import ClientError


def _error(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class FakeLogs:
    def __init__(self) -> None:
        self.groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self.calls = 0
        self.failing = False
        self._lock = threading.Lock()

    def create_log_group(self, *, logGroupName: str) -> None:
        if logGroupName in self.groups:
            raise _error("ResourceAlreadyExistsException", "The specified log group already exists", "CreateLogGroup")
        self.groups[logGroupName] = {}

    def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> None:
        if logStreamName in self._group(logGroupName):
            raise _error("ResourceAlreadyExistsException", "The specified log stream already exists", "CreateLogStream")
        self.groups[logGroupName][logStreamName] = []

    def put_log_events(self, *, logGroupName: str, logStreamName: str, logEvents: list[dict[str, Any]]) -> None:
        with self._lock:
            self.calls += 1
            if self.failing:
                raise _error("ServiceUnavailableException", "try later", "PutLogEvents")
            if not 1 <= len(logEvents) <= 10_000:
                raise _error("InvalidParameterException", "1 to 10000 events", "PutLogEvents")
            if sum(len(e["message"].encode()) + 26 for e in logEvents) > 1_048_576:
                raise _error("InvalidParameterException", "batch too large", "PutLogEvents")
            times = [e["timestamp"] for e in logEvents]
            if times != sorted(times) or any(not e["message"] for e in logEvents):
                raise _error("InvalidParameterException", "events out of order or empty", "PutLogEvents")
            streams = self._group(logGroupName)
            if logStreamName not in streams:
                raise _error("ResourceNotFoundException", "The specified log stream does not exist.", "PutLogEvents")
            streams[logStreamName] += logEvents

    def get_log_events(
        self,
        *,
        logGroupName: str,
        logStreamName: str,
        startTime: int,
        startFromHead: bool,
        nextToken: str = "0",
    ) -> dict[str, Any]:
        found = [e for e in self._group(logGroupName)[logStreamName] if e["timestamp"] >= startTime]
        start = int(nextToken)
        page = found[start : start + 100]
        return {"events": page, "nextForwardToken": str(start + len(page))}

    def _group(self, name: str) -> dict[str, list[dict[str, Any]]]:
        if name not in self.groups:
            raise _error("ResourceNotFoundException", "The specified log group does not exist.", "")
        return self.groups[name]

    def messages(self, group: str, stream: str) -> list[str]:
        return [e["message"] for e in self.groups.get(group, {}).get(stream, [])]


class FakeSsm:
    """Values are stored encrypted: without WithDecryption one gets ciphertext, as from SSM."""

    def __init__(self, parameters: dict[str, str]) -> None:
        self.parameters = parameters
        self.largest = 0

    def get_parameters(self, *, Names: list[str], WithDecryption: bool) -> dict[str, Any]:
        self.largest = max(self.largest, len(Names))
        if len(Names) > 10:
            raise _error("ValidationException", "at most 10 names", "GetParameters")
        found = [
            {"Name": n, "Value": self.parameters[n] if WithDecryption else "ciphertext"}
            for n in Names
            if n in self.parameters
        ]
        return {"Parameters": found, "InvalidParameters": [n for n in Names if n not in self.parameters]}


class FakeSecretsManager:
    """``secrets``: (arn, stage or version) -> text."""

    def __init__(self, secrets: dict[tuple[str, str], str]) -> None:
        self.secrets = secrets

    def get_secret_value(
        self, *, SecretId: str, VersionStage: str = "AWSCURRENT", VersionId: str = ""
    ) -> dict[str, Any]:
        text = self.secrets.get((SecretId, VersionId or VersionStage))
        if text is None:
            raise _error(
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
                "GetSecretValue",
            )
        return {"SecretString": text}


class FakeClients:
    """A client factory; ``regions`` has what was asked for."""

    def __init__(self) -> None:
        self.logs = FakeLogs()
        self.s3 = FakeS3()
        self.ssm = FakeSsm({})
        self.secretsmanager = FakeSecretsManager({})
        self.regions: set[tuple[str, str]] = set()

    def __call__(self, service: str, region: str) -> Any:
        self.regions.add((service, region))
        return getattr(self, service)


class FakeS3:
    """``objects``: (bucket, key) -> content."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if (Bucket, Key) not in self.objects:
            raise _error("NoSuchKey", "The specified key does not exist.", "GetObject")
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}
