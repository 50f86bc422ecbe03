"""The few reads of AWS that every run makes, over plain HTTP: a preview of the local target makes no others, and to
load boto3 with its models takes a tenth of it (benchmarks/README.md, "where the time went").

Nothing is signed, since the local cloud checks no signatures; the header only says what is asked for. Errors are
botocore's.
"""

from __future__ import annotations

import json
import random
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as xml
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from botocore.exceptions import ClientError, EndpointConnectionError

from ecs_stack.local.reconnect import PAUSE, comes_back

#: Seconds. The endpoint is on this machine; an answer that takes longer than this is not coming.
_TIMEOUT = 60.0
#: Seconds between two tries of a call that AWS refused for now, at most (botocore's "standard" retry mode).
_LONGEST_PAUSE = 20.0
#: What passes by itself, in the same mode.
_PASSING_STATUS = {500, 502, 503, 504}
_THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}

_ECS = "AmazonEC2ContainerServiceV20141113"


class Reads:
    """Reads in one region. ``revive`` starts what listens at the endpoint where it doesn't run; ``attempts`` is how
    often a call is sent at most.

    Methods are called as boto3's clients call them, and raise ClientError, or EndpointConnectionError if nothing
    answers.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        revive: Callable[[], object] | None = None,
        *,
        attempts: int,
        access_key: str = "local",
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        self._revive = revive
        self._attempts = attempts
        self._access_key = access_key

    def describe_clusters(self, **request: Any) -> Mapping[str, Any]:
        """ECS's DescribeClusters."""
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{_ECS}.DescribeClusters"}
        return dict(json.loads(self._ask("ecs", "DescribeClusters", json.dumps(request).encode(), headers)))

    def get_caller_identity(self) -> Mapping[str, str]:
        """STS's GetCallerIdentity: Account, Arn, UserId."""
        answer = self._query("sts", "GetCallerIdentity", "2011-06-15", {})
        return {name: _text(answer, name) for name in ("Account", "Arn", "UserId")}

    def describe_availability_zones(
        self, filters: Sequence[Mapping[str, Any]], *, everyone: bool
    ) -> list[Mapping[str, str]]:
        """EC2's DescribeAvailabilityZones: ZoneName, ZoneId and GroupName of each. ``everyone``: also zones that the
        account hasn't opted in to."""
        parameters = {"AllAvailabilityZones": "true" if everyone else "false"}
        for number, wanted in enumerate(filters, 1):
            parameters[f"Filter.{number}.Name"] = wanted["Name"]
            parameters |= {f"Filter.{number}.Value.{n}": value for n, value in enumerate(wanted["Values"], 1)}
        answer = self._query("ec2", "DescribeAvailabilityZones", "2016-11-15", parameters)
        return [
            {
                "ZoneName": _text(zone, "zoneName"),
                "ZoneId": _text(zone, "zoneId"),
                "GroupName": _text(zone, "groupName"),
            }
            for zone in _all(answer, "item")
            if _text(zone, "zoneName")
        ]

    def list_hosted_zones(self) -> list[Mapping[str, Any]]:
        """Route 53's ListHostedZones, all pages of it, as ``_hosted_zone`` says."""
        zones: list[Mapping[str, Any]] = []
        query = ""
        while True:
            answer = self._get("ListHostedZones", f"hostedzone{query}")
            zones += [_hosted_zone(each) for each in _all(answer, "HostedZone")]
            marker = _text(answer, "NextMarker")
            if not marker:
                return zones
            query = f"?{urlencode({'marker': marker})}"

    def get_hosted_zone(self, zone_id: str) -> Mapping[str, Any]:
        """Route 53's GetHostedZone: the zone as ``_hosted_zone`` says, and its DelegationSet."""
        answer = self._get("GetHostedZone", f"hostedzone/{quote(zone_id, safe='')}")
        servers = [server.text or "" for server in _all(answer, "NameServer")]
        return {"HostedZone": _hosted_zone(answer), "DelegationSet": {"NameServers": servers}}

    def list_tags_for_hosted_zone(self, zone_id: str) -> Mapping[str, str]:
        """Route 53's ListTagsForResource, as a map."""
        answer = self._get("ListTagsForResource", f"tags/hostedzone/{quote(zone_id, safe='')}")
        return {_text(tag, "Key"): _text(tag, "Value") for tag in _all(answer, "Tag")}

    def _get(self, action: str, path: str) -> xml.Element:
        """A read of Route 53, whose operations are paths."""
        return xml.fromstring(self._ask("route53", action, None, {}, f"/2013-04-01/{path}"))  # noqa: S314 (of our own cloud)

    def _query(self, service: str, action: str, version: str, parameters: Mapping[str, str]) -> xml.Element:
        """A call in the query protocol (EC2 and STS)."""
        body = urlencode({"Action": action, "Version": version, **parameters}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return xml.fromstring(self._ask(service, action, body, headers))  # noqa: S314 (of our own cloud)

    def _ask(self, service: str, action: str, body: bytes | None, headers: Mapping[str, str], path: str = "") -> bytes:
        """Without a body it is a GET."""
        scope = f"{self._access_key}/{time.strftime('%Y%m%d')}/{self._region}/{service}/aws4_request"
        request = urllib.request.Request(  # noqa: S310 (http, on loopback)
            self._endpoint + path,
            body,
            {**headers, "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"},
        )
        # No proxy of the user's environment: this is loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        attempts, broken = 0, None
        while True:
            try:
                with opener.open(request, timeout=_TIMEOUT) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    refusal = _refusal(error.read(), error.code, action)
                attempts += 1
                passes = error.code in _PASSING_STATUS or refusal.response["Error"]["Code"] in _THROTTLED
                if not passes or attempts >= self._attempts:
                    raise refusal from None
                time.sleep(min(_LONGEST_PAUSE, random.random() * 2 ** (attempts - 1)))  # noqa: S311
            except (OSError, HTTPException) as error:
                broken = broken or time.monotonic()
                if self._revive is None or not comes_back(self._revive, broken):
                    raise EndpointConnectionError(endpoint_url=self._endpoint, error=error) from error
                time.sleep(PAUSE)


def _refusal(body: bytes, status: int, action: str) -> ClientError:
    """AWS's error in either protocol: JSON with __type, or XML with Code and Message."""
    code, message = str(status), ""
    try:
        found = json.loads(body)
        code, message = str(found.get("__type", code)).rpartition("#")[2], str(found.get("message", ""))
    except (ValueError, AttributeError):
        try:
            root = xml.fromstring(body)  # noqa: S314 (of our own cloud)
        except xml.ParseError:
            pass
        else:
            code, message = _text(root, "Code") or code, _text(root, "Message")
    return ClientError({"Error": {"Code": code, "Message": message}}, action)


def _hosted_zone(element: xml.Element) -> Mapping[str, Any]:
    return {
        "Id": _text(element, "Id"),
        "Name": _text(element, "Name"),
        "CallerReference": _text(element, "CallerReference"),
        "Config": {
            "Comment": _text(element, "Comment"),
            "PrivateZone": _text(element, "PrivateZone") == "true",
        },
        "ResourceRecordSetCount": int(_text(element, "ResourceRecordSetCount") or 0),
    }


def _all(element: xml.Element, name: str) -> Iterator[xml.Element]:
    """The descendants of that name, whatever their namespace."""
    return (found for found in element.iter() if found.tag.rpartition("}")[2] == name)


def _text(element: xml.Element, name: str) -> str:
    return next((found.text or "" for found in _all(element, name)), "")
