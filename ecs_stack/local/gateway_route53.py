"""Where MiniStack's Route 53 isn't AWS's: the form of names, and records that can't be in a zone.

What is replaced are functions of its module that it looks up at each request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Record = Mapping[str, Any]
#: What needs no octal code in a name.
#: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
_ORDINARY = re.compile(r"\\[0-7]{3}|[a-z0-9._-]")


def complete(route53: Any) -> None:
    """Mend the module ``ministack.services.route53``."""
    parse, change = route53._parse_record_set, route53._change_resource_record_sets

    def parse_record_set(element: Any) -> dict[str, Any]:
        record: dict[str, Any] = parse(element)
        if "AliasTarget" in record:
            record["AliasTarget"]["DNSName"] = normalised(record["AliasTarget"]["DNSName"])
        return record

    def change_resource_record_sets(zone_id: str, body: bytes) -> Any:
        before = route53._records.get(zone_id)
        answer = change(zone_id, body)
        problem = _problem(route53._zones[zone_id]["name"], route53._records[zone_id]) if answer[0] < 400 else None
        if problem is None:
            return answer
        route53._records[zone_id] = before
        return route53._error_response("InvalidChangeBatch", f"[{problem}]")

    route53._normalise_name = normalised
    route53._parse_record_set = parse_record_set
    route53._change_resource_record_sets = change_resource_record_sets


def normalised(name: str) -> str:
    """A name as Route 53 keeps and answers it.

    >>> print(normalised("*.Example.com"))
    \\052.example.com.
    """
    text = ""
    rest = name.lower()
    while rest:
        found = _ORDINARY.match(rest)
        text += found[0] if found else f"\\{ord(rest[0]):03o}"
        rest = rest[found.end() if found else 1 :]
    return text if not text or text.endswith(".") else f"{text}."


def _problem(zone: str, records: Iterable[Record]) -> str | None:
    """Why these can't be a zone's records, in AWS's words; None if they can."""
    types: dict[str, list[str]] = {}
    for record in records:
        types.setdefault(record["Name"], []).append(record["Type"])
    for name, found in types.items():
        if name != zone and not name.endswith(f".{zone}"):
            return f"RRSet with DNS name {name} is not permitted in zone {zone}"
        if "CNAME" in found and set(found) != {"CNAME"}:
            return (
                f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the"
                f" same DNS name in zone {zone}"
            )
    return None
