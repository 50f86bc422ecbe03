"""DNS records: their names, what they take over and what not, and the zones that they are in."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import grpc
import pytest
from botocore.exceptions import ClientError
from pulumi.runtime.proto import provider_pb2

from ecs_stack.local.providers.aws import operations
from ecs_stack.local.providers.aws.call import Call
from ecs_stack.local.providers.aws.configuration import Configuration
from ecs_stack.local.providers.aws.registry import REGISTRY
from ecs_stack.local.providers.aws.values import UNKNOWN

from .conftest import World
from .harness import CheckFailed, Engine

pytestmark = pytest.mark.emulator

NONE, SOME = provider_pb2.DiffResponse.DIFF_NONE, provider_pb2.DiffResponse.DIFF_SOME
RECORD = "aws:route53/record:Record"
ZONE = "aws:route53/getZone:getZone"
BALANCER = {"name": "Web-1.eu-west-1.elb.example.com.", "zoneId": "Z2P70J7EXAMPLE", "evaluateTargetHealth": False}


def a_record(zone: str, name: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"zoneId": zone, "name": name, "type": "A", "ttl": 60, "records": list(values), **more}


def alias(zone: str, name: str, **more: Any) -> dict[str, Any]:
    return {"zoneId": zone, "name": name, "type": "A", "aliases": [{**BALANCER, **more}]}


def live(world: World, name: str, kind: str = "A") -> dict[str, Any] | None:
    """The record as Route 53 answers it."""
    records = world.client("route53").list_resource_record_sets(HostedZoneId=world.zone)["ResourceRecordSets"]
    return next((each for each in records if (each["Name"], each["Type"]) == (name, kind)), None)


def by_hand(world: World, action: str, record: dict[str, Any]) -> None:
    world.client("route53").change_resource_record_sets(
        HostedZoneId=world.zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    )


def test_an_alias_for_a_name_and_for_all_below_it(world: World) -> None:
    made = [
        world.engine.create(RECORD, "alias", alias(world.zone, name))
        for name in ("App.cases.example.", "*.app.cases.example")
    ]
    assert [each["fqdn"] for each in made] == ["app.cases.example", "*.app.cases.example"]
    assert [each["name"] for each in made] == ["app.cases.example", "*.app.cases.example"]
    assert [each.id for each in made] == [
        f"{world.zone}_app.cases.example_A",
        f"{world.zone}_*.app.cases.example_A",
    ]
    target = {**BALANCER, "name": "web-1.eu-west-1.elb.example.com"}
    assert [each["aliases"] for each in made] == [[target], [target]]
    assert live(world, "app.cases.example.") is not None
    # As Route 53 answers an asterisk.
    assert live(world, "\\052.app.cases.example.") is not None
    for each, name in zip(made, ("App.cases.example.", "*.app.cases.example"), strict=True):
        assert world.engine.refresh(each) == each
        assert world.engine.diff(each, alias(world.zone, name)).changes == NONE
        adopted = world.engine.adopt(RECORD, "alias", each.id)
        assert adopted is not None
        assert world.engine.diff(adopted, alias(world.zone, name)).changes == NONE
    changed = world.engine.update(made[0], alias(world.zone, "app.cases.example", evaluateTargetHealth=True))
    assert changed["aliases"] == [{**target, "evaluateTargetHealth": True}]
    for each in (changed, made[1]):
        world.engine.delete(each)
        assert world.engine.refresh(each) is None


def test_a_name_is_relative_unless_it_ends_in_the_zones(world: World) -> None:
    relative = world.engine.create(RECORD, "relative", a_record(world.zone, "deep.down", "192.0.2.1"))
    assert (relative["name"], relative["fqdn"]) == ("deep.down", "deep.down.cases.example")
    assert live(world, "deep.down.cases.example.") is not None
    adopted = world.engine.adopt(RECORD, "relative", f"{world.zone}_deep.down_A")
    assert adopted is not None
    assert adopted["fqdn"] == relative["fqdn"]
    world.engine.delete(relative)


def test_what_is_there_already_is_taken_over_only_on_request(world: World) -> None:
    first = world.engine.create(RECORD, "first", a_record(world.zone, "taken", "192.0.2.1"))
    with pytest.raises(grpc.RpcError) as error:
        world.engine.create(RECORD, "second", a_record(world.zone, "taken", "192.0.2.2"))
    assert "InvalidChangeBatch" in error.value.details()
    assert "already exists" in error.value.details()
    second = world.engine.create(RECORD, "second", a_record(world.zone, "taken", "192.0.2.2", allowOverwrite=True))
    assert second["allowOverwrite"] is True
    assert world.engine.diff(second, a_record(world.zone, "taken", "192.0.2.2")).changes == NONE
    refreshed = world.engine.refresh(first)
    assert refreshed is not None
    assert refreshed["records"] == ["192.0.2.2"]
    world.engine.delete(first)
    assert live(world, "taken.cases.example.") is None


def test_a_record_is_deleted_as_it_is_by_now(world: World) -> None:
    record = world.engine.create(RECORD, "drifted", a_record(world.zone, "drifted", "192.0.2.1", "192.0.2.2"))
    by_hand(
        world,
        "UPSERT",
        {
            "Name": "drifted.cases.example",
            "Type": "A",
            "TTL": 5,
            "ResourceRecords": [{"Value": "192.0.2.9"}],
        },
    )
    world.engine.delete(record)
    assert live(world, "drifted.cases.example.") is None
    world.engine.delete(record)  # not being there is no error


def test_a_zone_that_is_gone_took_its_records_along(world: World) -> None:
    zone = world.make_zone("gone.example")
    record = world.engine.create(RECORD, "gone", a_record(zone, "www", "192.0.2.1"))
    with pytest.raises(grpc.RpcError) as error:
        world.engine.create(RECORD, "nowhere", a_record("Z0NOWHERE", "www", "192.0.2.1"))
    assert error.value.details() == "Route 53 has no hosted zone Z0NOWHERE"
    client = world.client("route53")
    found = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    (own,) = [each for each in found if each["Type"] == "A"]
    client.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": own}]}
    )
    client.delete_hosted_zone(Id=zone)
    assert world.engine.refresh(record) is None
    world.engine.delete(record)


def test_a_routing_policys_records_are_others(world: World) -> None:
    by_hand(
        world,
        "CREATE",
        {
            "Name": "weighted.cases.example",
            "Type": "A",
            "TTL": 5,
            "SetIdentifier": "one",
            "Weight": 1,
            "ResourceRecords": [{"Value": "192.0.2.9"}],
        },
    )
    assert world.engine.adopt(RECORD, "weighted", f"{world.zone}_weighted_A") is None


def test_another_type_takes_the_place_of_the_old_one(world: World) -> None:
    record = world.engine.create(RECORD, "typed", a_record(world.zone, "typed", "192.0.2.1"))
    inputs = a_record(world.zone, "typed", "target.example.net", type="CNAME")
    diff = world.engine.diff(record, inputs)
    assert (diff.changes, list(diff.replaces)) == (SOME, [])
    changed = world.engine.update(record, inputs)
    assert (changed["type"], changed["records"]) == ("CNAME", ["target.example.net"])
    assert live(world, "typed.cases.example.") is None
    refreshed = world.engine.refresh(changed)
    assert refreshed is not None
    assert refreshed.id == f"{world.zone}_typed_CNAME"
    world.engine.delete(changed)
    assert live(world, "typed.cases.example.", "CNAME") is None


def test_an_address_becomes_an_alias(world: World) -> None:
    record = world.engine.create(RECORD, "becomes", a_record(world.zone, "becomes", "192.0.2.1"))
    changed = world.engine.update(record, alias(world.zone, "becomes"))
    assert not changed.outputs.keys() & {"records", "ttl"}
    assert world.engine.diff(changed, alias(world.zone, "becomes")).changes == NONE
    world.engine.delete(changed)


def test_text_is_quoted_in_route_53_only(world: World) -> None:
    inputs = a_record(world.zone, "text", "v=spf1 -all", 'long" "text', type="TXT")
    record = world.engine.create(RECORD, "text", inputs)
    found = live(world, "text.cases.example.", "TXT")
    assert found is not None
    assert [each["Value"] for each in found["ResourceRecords"]] == ['"v=spf1 -all"', '"long" "text"']
    assert record["records"] == ["v=spf1 -all", 'long" "text']
    assert world.engine.diff(record, {**inputs, "records": inputs["records"][::-1]}).changes == NONE
    world.engine.delete(record)


class Route53:
    """Route 53 with one record, or none, whose servers know of a change only when they are asked for the third time."""

    def __init__(self, record: dict[str, Any] | None = None) -> None:
        self.record = record
        self.asked = 0
        self.changes: list[str] = []

    def get_hosted_zone(self, **_: Any) -> dict[str, Any]:
        return {"HostedZone": {"Name": "cases.example."}}

    def list_resource_record_sets(self, **_: Any) -> dict[str, Any]:
        return {"ResourceRecordSets": [self.record] if self.record else []}

    def change_resource_record_sets(self, **request: Any) -> dict[str, Any]:
        (change,) = request["ChangeBatch"]["Changes"]
        self.asked = 0
        self.changes.append(change["Action"])
        self.record = (
            None if change["Action"] == "DELETE" else {**change["ResourceRecordSet"], "Name": "x.cases.example."}
        )
        return {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING"}}

    def get_change(self, **request: Any) -> dict[str, Any]:
        assert request == {"Id": "/change/C1"}
        self.asked += 1
        return {"ChangeInfo": {"Status": "INSYNC" if self.asked == 3 else "PENDING"}}

    def get(self, *_: Any) -> Route53:
        """Stands for the clients as well."""
        return self

    def call(self, seconds: float = 0) -> Call:
        return Call(
            clients=self,  # type: ignore[arg-type]
            configuration=Configuration(region="eu-west-1"),
            region="eu-west-1",
            cancelled=threading.Event(),
            seconds=seconds,
        )


def test_each_change_is_waited_for() -> None:
    route53, kind = Route53(), REGISTRY[RECORD]
    call = route53.call()
    inputs = a_record("Z1", "x", "192.0.2.1")
    resource_id, outputs = operations.create(kind, call, inputs)
    assert (route53.asked, outputs["fqdn"]) == (3, "x.cases.example")
    changed = operations.update(kind, call, resource_id, outputs, inputs, {**inputs, "ttl": 5}, ())
    assert (route53.asked, changed["ttl"]) == (3, 5)
    kind.delete(call, resource_id, changed)
    assert (route53.asked, route53.record) == (3, None)
    assert route53.changes == ["CREATE", "UPSERT", "DELETE"]
    # A record that is made isn't lost where the wait for it fails.
    with pytest.raises(operations.Failed) as failure:
        operations.create(kind, route53.call(seconds=0.01), inputs)
    assert failure.value.resource_id == "Z1_x_A"


@pytest.mark.parametrize("gone", [True, False])
def test_a_deletion_that_is_refused(gone: bool) -> None:
    """It is an error unless somebody else has deleted the record meanwhile."""
    route53 = Route53({"Name": "x.cases.example.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]})

    def refuse(**_: Any) -> None:
        if gone:
            route53.record = None
        raise ClientError({"Error": {"Code": "InvalidChangeBatch", "Message": "as the test has it"}}, "Change")

    route53.change_resource_record_sets = refuse  # type: ignore[assignment]
    call = route53.call()
    refused = contextlib.nullcontext() if gone else pytest.raises(ClientError, match="InvalidChangeBatch")
    with refused:
        REGISTRY[RECORD].delete(call, "Z1_x_A", a_record("Z1", "x", "192.0.2.1"))


@pytest.mark.parametrize(
    ("inputs", "place", "words"),
    [
        ({"records": ["192.0.2.1"], "ttl": 1, "aliases": [BALANCER]}, "records", "conflicts with 'aliases'"),
        ({"ttl": 60, "aliases": [BALANCER]}, "ttl", "conflicts with 'aliases'"),
        ({}, "records", "one of 'aliases', 'records' must be specified"),
        ({"records": ["192.0.2.1"]}, "ttl", "must be specified together"),
        ({"aliases": [BALANCER, BALANCER]}, "aliases", "at most one alias, not 2"),
        ({"records": ["x"], "ttl": 1, "type": "ALIAS"}, "type", "must be one of A, AAAA, CAA"),
        ({"records": ["x"], "ttl": 1, "setIdentifier": "blue"}, "setIdentifier", "doesn't implement 'setIdentifier'"),
        ({"records": ["x"], "ttl": 1, "healthCheckId": "h"}, "healthCheckId", "doesn't implement"),
        ({"aliases": [{**BALANCER, "zone": "x"}]}, "aliases[0].zone", "did you mean 'zoneId'?"),
    ],
)
def test_wrong_records(engine: Engine, inputs: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(CheckFailed) as refused:
        engine.check(RECORD, "wrong", {"zoneId": "Z1", "name": "x", "type": "A", **inputs})
    assert words in refused.value.failures[place]


def test_a_record_whose_values_arent_known_yet(engine: Engine) -> None:
    unknown = {"zoneId": UNKNOWN, "name": UNKNOWN, "type": UNKNOWN}
    planned = engine.plan(RECORD, "planned", {**unknown, "ttl": 60, "records": [UNKNOWN]})
    assert planned == {**planned, **unknown, "ttl": 60, "records": [UNKNOWN], "fqdn": UNKNOWN}
    target = {**BALANCER, "name": UNKNOWN}
    planned = engine.plan(RECORD, "planned", {**unknown, "aliases": [target]})
    assert planned["aliases"] == [target]
    assert engine.plan(RECORD, "planned", {**unknown, "aliases": UNKNOWN})["aliases"] is UNKNOWN


@pytest.mark.parametrize("wrong", ["www.example.com", "Z1_www", "Z1_A", "Z1__NOTYPE", "_www_A"])
def test_an_import_needs_zone_name_and_type(engine: Engine, wrong: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        engine.adopt(RECORD, "wrong", wrong)
    assert error.value.details() == f"import a record by ZONEID_NAME_TYPE, not {wrong!r}"


def test_an_import_may_have_underscores_in_its_name(world: World) -> None:
    record = world.engine.create(
        RECORD, "dmarc", a_record(world.zone, "_dmarc.a_b", "v=DMARC1", type="TXT", allowOverwrite=True)
    )
    adopted = world.engine.adopt(RECORD, "dmarc", f"{world.zone}__dmarc.a_b_TXT")
    assert adopted is not None
    assert (adopted["name"], adopted["records"]) == ("_dmarc.a_b", ["v=DMARC1"])
    with pytest.raises(grpc.RpcError) as error:
        world.engine.adopt(RECORD, "dmarc", f"{world.zone}_x_A_blue")
    assert "set identifier isn't implemented" in error.value.details()
    world.engine.delete(record)


# Zones


def test_a_zone_by_its_name_and_by_its_id(world: World) -> None:
    zone = world.make_zone("Named.example", HostedZoneConfig={"Comment": "ours"})
    world.client("route53").change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=zone, AddTags=[{"Key": "a", "Value": "b"}]
    )
    found = world.engine.invoke(ZONE, {"name": "named.example.", "privateZone": False})
    servers = found.pop("nameServers")
    assert len(servers) == 4
    assert found.pop("callerReference").startswith("zone")
    assert found == {
        "arn": f"arn:aws:route53:::hostedzone/{zone}",
        "comment": "ours",
        "enableAcceleratedRecovery": False,
        "id": zone,
        "name": "named.example",
        "primaryNameServer": servers[0],
        "privateZone": False,
        "resourceRecordSetCount": 2,
        "tags": {"a": "b"},
        "zoneId": zone,
    }
    for zone_id in (zone, f"/hostedzone/{zone}"):
        assert world.engine.invoke(ZONE, {"zoneId": zone_id})["name"] == "named.example"


def test_a_private_zone_is_another(world: World) -> None:
    vpc = {"VPCRegion": "eu-west-1", "VPCId": world.vpc.id}
    private = world.make_zone("both.example", VPC=vpc)
    public = world.make_zone("both.example")
    found = [world.engine.invoke(ZONE, {"name": "both.example", "privateZone": each}) for each in (True, False)]
    assert [each["zoneId"] for each in found] == [private, public]
    assert [each["privateZone"] for each in found] == [True, False]
    # A private zone's are only in its own record.
    assert found[0]["nameServers"] == sorted(found[1]["nameServers"])
    assert [each["primaryNameServer"] for each in found] == [each["nameServers"][0] for each in found]


def test_none_or_several_zones(world: World) -> None:
    def refusal(arguments: dict[str, Any]) -> str:
        with pytest.raises(grpc.RpcError) as error:
            world.engine.invoke(ZONE, arguments)
        return str(error.value.details())

    assert refusal({"name": "none.example"}) == "no matching Route 53 Hosted Zone found (public, none.example)"
    for _ in range(2):
        world.make_zone("twice.example")
    assert refusal({"name": "twice.example"}) == (
        "multiple Route 53 Hosted Zones matched; use additional constraints to reduce matches to a single"
        " Route 53 Hosted Zone (public, twice.example)"
    )
    assert "NoSuchHostedZone" in refusal({"zoneId": "Z0NOWHERE"})
    assert refusal({"name": "a", "zoneId": "b"}) == "only one of `zoneId` or `name` may be set"
    with pytest.raises(CheckFailed) as refused:
        world.engine.invoke(ZONE, {"name": "a", "vpcId": "vpc-1"})
    assert "has no argument 'vpcId'" in refused.value.failures["vpcId"]


def test_a_zones_id_may_have_the_prefix_that_route_53_answers(world: World) -> None:
    inputs = a_record(f"/hostedzone/{world.zone}", "prefixed", "192.0.2.1")
    record = world.engine.create(RECORD, "prefixed", inputs)
    assert world.engine.diff(record, inputs).changes == NONE
    assert world.engine.refresh(record) == record
    world.engine.delete(record)
    assert live(world, "prefixed.cases.example.") is None
