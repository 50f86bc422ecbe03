"""The function ``aws:route53/getZone:getZone``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecs_stack.local.reads import Reads

from .call import Call
from .errors import ProviderError
from .types.route53 import bare, plain


def get_zone(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """docs: website/docs/d/route53_zone.html.markdown; by id, or by name among the public or the private ones."""
    reads = call.clients.reads("route53", call.region, call.configuration)
    name, wanted = arguments.get("name"), arguments.get("zoneId")
    if name and wanted:
        raise ProviderError("only one of `zoneId` or `name` may be set")
    zone_id = bare(wanted or _only(reads, name, private=bool(arguments.get("privateZone"))))
    answer = reads.get_hosted_zone(zone_id)
    zone = answer["HostedZone"]
    servers = answer["DelegationSet"]["NameServers"] or _own_servers(call, zone_id, zone["Name"])
    return {
        "arn": f"arn:aws:route53:::hostedzone/{zone_id}",
        "callerReference": zone["CallerReference"],
        "comment": zone["Config"]["Comment"],
        "enableAcceleratedRecovery": False,
        "id": zone_id,
        "name": plain(zone["Name"]),
        "nameServers": servers,
        "primaryNameServer": servers[0],
        "privateZone": zone["Config"]["PrivateZone"],
        "resourceRecordSetCount": zone["ResourceRecordSetCount"],
        "tags": reads.list_tags_for_hosted_zone(zone_id),
        "zoneId": zone_id,
    }


def _only(reads: Reads, name: str | None, *, private: bool) -> str:
    """The id of the one zone that matches. Names aren't unique in an account, nor is giving one a must."""
    found = [
        str(zone["Id"])
        for zone in reads.list_hosted_zones()
        if zone["Config"]["PrivateZone"] == private and (not name or plain(zone["Name"]) == plain(name))
    ]
    sought = f"({'private' if private else 'public'}{f', {name}' if name else ''})"
    if not found:
        raise ProviderError(f"no matching Route 53 Hosted Zone found {sought}")
    if len(found) > 1:
        raise ProviderError(
            "multiple Route 53 Hosted Zones matched; use additional constraints to reduce matches to a single Route 53"
            f" Hosted Zone {sought}"
        )
    return found[0]


def _own_servers(call: Call, zone_id: str, name: str) -> Sequence[str]:
    """A private zone is delegated by nobody; its name servers are only in its own record."""
    answer = call.client("route53").list_resource_record_sets(
        HostedZoneId=zone_id, StartRecordName=name, StartRecordType="NS", MaxItems="1"
    )
    return sorted(each["Value"] for each in answer["ResourceRecordSets"][0]["ResourceRecords"])
