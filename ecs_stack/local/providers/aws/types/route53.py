"""DNS records in Route 53."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from .. import errors
from ..call import Call
from ..errors import ProviderError
from ..resource import ResourceType, State
from ..shapes import Block, Items

#: Seconds until all of Route 53's servers know of a change: about a minute on AWS (terraform waits 30).
_IN_SYNC = 1800
#: https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
_TYPES = frozenset(
    {
        "A",
        "AAAA",
        "CAA",
        "CNAME",
        "DS",
        "HTTPS",
        "MX",
        "NAPTR",
        "NS",
        "PTR",
        "SOA",
        "SPF",
        "SRV",
        "SSHFP",
        "SVCB",
        "TLSA",
        "TXT",
    }
)
#: Their values are in quotes in Route 53, and without the outer ones in terraform.
_QUOTED = frozenset({"SPF", "TXT"})
_ALIAS = Block({"name": "DNSName", "zoneId": "HostedZoneId", "evaluateTargetHealth": "EvaluateTargetHealth"})

RecordSet = dict[str, Any]


class Record(ResourceType):
    """docs: website/docs/r/route53_record.html.markdown; simple routing only.

    Names are relative to the zone unless they end in its name. Route 53 answers them in lower case, with a dot at the
    end and some characters as octal codes (``\\052`` for an asterisk):
    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
    """

    token = "aws:route53/record:Record"
    inputs = frozenset({"aliases", "allowOverwrite", "name", "records", "ttl", "type", "zoneId"})
    blocks = {"aliases": Items(_ALIAS)}
    replaces = frozenset({"name", "zoneId"})
    computed = frozenset({"allowOverwrite"})
    conflicts = (("aliases", "records"), ("aliases", "ttl"))
    kept = frozenset({"allowOverwrite"})
    regional = False
    tagged = False

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        problems = []
        aliases, kind = inputs.get("aliases"), inputs.get("type")
        if not aliases and not inputs.get("records"):
            problems.append(("records", "one of 'aliases', 'records' must be specified"))
        if isinstance(aliases, list) and len(aliases) > 1:
            problems.append(("aliases", f"a record has at most one alias, not {len(aliases)}"))
        if ("ttl" in inputs) != ("records" in inputs) and not aliases:
            problems.append(("ttl", "'ttl' and 'records' must be specified together"))
        if isinstance(kind, str) and kind not in _TYPES:
            problems.append(("type", f"'type' must be one of {', '.join(sorted(_TYPES))}, not {kind!r}"))
        return problems

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        zone, *parts = import_id.split("_")
        # A name may have underscores too, as those by which ACM validates a domain do.
        at = next((index for index, part in enumerate(parts) if index and part in _TYPES), None)
        if not zone or at is None:
            raise ProviderError(f"import a record by ZONEID_NAME_TYPE, not {import_id!r}")
        if parts[at + 1 :]:
            raise ProviderError(f"{self.token} with a set identifier isn't implemented: {import_id!r}")
        return import_id, {"zoneId": zone, "name": plain("_".join(parts[:at])), "type": parts[at]}

    def create(self, call: Call, inputs: State) -> str:
        wanted = self._wanted(inputs, self._zone_name(call, inputs))
        change = self._submit(call, inputs, (("UPSERT" if inputs.get("allowOverwrite") else "CREATE"), wanted))
        call.created = _id(inputs)
        self._wait(call, change, call.created)
        return call.created

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        zone = _zone(call, state)
        found = self._find(call, state, zone) if zone is not None else None
        if zone is None or found is None:
            return None
        quoted = found["Type"] in _QUOTED
        alias = found.get("AliasTarget")
        values = [each["Value"] for each in found.get("ResourceRecords") or ()]
        return {
            "id": _id(state),
            "aliases": [{**_ALIAS.from_aws(alias), "name": plain(alias["DNSName"])}] if alias else None,
            "fqdn": _expanded(state["name"], zone),
            "name": plain(state["name"]),
            "records": [_unquoted(value) for value in values] if quoted else values or None,
            "ttl": found.get("TTL"),
            "type": found["Type"],
            "zoneId": state["zoneId"],
        }

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path in ("name", "aliases.name") and isinstance(old, str) and isinstance(new, str):
            return plain(old) == plain(new)
        return super().same(path, old, new, state)

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        zone = self._zone_name(call, inputs)
        wanted = self._wanted(inputs, zone)
        changes = [("UPSERT", wanted)]
        if "type" in changed:
            # Another type is another record to Route 53: the old one goes and the new one comes at once, or neither.
            old = self._find(call, state, zone)
            action = "UPSERT" if inputs.get("allowOverwrite") else "CREATE"
            changes = [*([("DELETE", old)] if old else []), (action, wanted)]
        self._wait(call, self._submit(call, inputs, *changes), resource_id)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        zone = _zone(call, state)
        found = self._find(call, state, zone) if zone is not None else None
        if zone is None or found is None:
            return
        try:
            # Route 53 deletes only what is described exactly as it is.
            change = self._submit(call, state, ("DELETE", found))
        except ClientError as error:
            if errors.code(error) not in ("InvalidChangeBatch", "NoSuchHostedZone") or self._remains(call, state):
                raise
            return
        self._wait(call, change, resource_id)

    def _remains(self, call: Call, state: State) -> bool:
        zone = _zone(call, state)
        return zone is not None and self._find(call, state, zone) is not None

    def _wanted(self, inputs: State, zone: str) -> RecordSet:
        wanted: RecordSet = {"Name": _expanded(inputs["name"], zone), "Type": inputs["type"]}
        if inputs.get("aliases"):
            return wanted | {"AliasTarget": _ALIAS.to_aws(inputs["aliases"][0])}
        quoted = inputs["type"] in _QUOTED
        values = [f'"{value}"' if quoted else value for value in inputs["records"]]
        return wanted | {"TTL": inputs["ttl"], "ResourceRecords": [{"Value": value} for value in values]}

    def _zone_name(self, call: Call, inputs: State) -> str:
        name = _zone(call, inputs)
        if name is None:
            raise ProviderError(f"Route 53 has no hosted zone {inputs['zoneId']}")
        return name

    def _find(self, call: Call, state: State, zone: str) -> RecordSet | None:
        """The record as Route 53 has it. The list begins where it would be, and goes on to others."""
        name = _expanded(state["name"], zone)
        answer = call.client("route53").list_resource_record_sets(
            HostedZoneId=bare(state["zoneId"]), StartRecordName=name, StartRecordType=state["type"], MaxItems="1"
        )
        found: RecordSet
        for found in answer["ResourceRecordSets"]:
            if plain(found["Name"]) == name and found["Type"] == state["type"] and "SetIdentifier" not in found:
                return found
        return None

    def _submit(self, call: Call, state: State, *changes: tuple[str, RecordSet]) -> str:
        """Change records, all of them or none; the id of the change."""
        batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
        answer = call.client("route53").change_resource_record_sets(
            HostedZoneId=bare(state["zoneId"]), ChangeBatch={"Changes": batch}
        )
        return str(answer["ChangeInfo"]["Id"])

    def _wait(self, call: Call, change: str, record: str) -> None:
        client = call.client("route53")
        call.wait(
            lambda: client.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC",
            seconds=_IN_SYNC,
            what=f"record {record} to be known to all of Route 53's servers",
        )


def _zone(call: Call, state: Mapping[str, Any]) -> str | None:
    """The name of the record's hosted zone, or None if there is no such zone."""
    answer = errors.ignoring(("NoSuchHostedZone",), call.client("route53").get_hosted_zone, Id=bare(state["zoneId"]))
    return plain(answer["HostedZone"]["Name"]) if answer else None


def bare(zone_id: str) -> str:
    """Route 53's own answers have a prefix."""
    return zone_id.removeprefix("/hostedzone/")


def plain(name: str) -> str:
    """A name as terraform has it: in lower case, without the dot at the end, without octal codes."""
    text = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), name)
    return text.lower().removesuffix(".")


def _expanded(name: str, zone: str) -> str:
    """The full name, without the dot. Terraform looks at the end of the text, not of the label, and so do we: Route 53
    refuses what doesn't lie in the zone after all."""
    full = plain(name)
    if full.endswith(zone):
        return full
    return f"{full}.{zone}" if full else zone


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _id(state: Mapping[str, Any]) -> str:
    return f"{state['zoneId']}_{str(state['name']).lower().removesuffix('.')}_{state['type']}"


TYPES: tuple[type[ResourceType], ...] = (Record,)
