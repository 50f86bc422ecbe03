"""The refresh of the price table, from lists in the form that AWS publishes: five rows about it, names, prices."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from ecs_stack.rules import prices

SCRIPT = Path(__file__).parents[2] / "scripts" / "refresh_prices.py"
NAMES = (
    *("SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate"),
    *("StartingRange", "EndingRange", "Unit", "PricePerUnit", "Currency"),
)
#: usageType, operation, price, and what differs from a plain on-demand price from 0 on.
Line = tuple[str, str, str] | tuple[str, str, str, dict[str, str]]

#: What a region's lists have beside the prices that are wanted: namesakes, free tiers, reservations.
LISTS: dict[str, Sequence[Line]] = {
    "AmazonECS": [
        ("EUN1-Fargate-vCPU-Hours:perCPU", "", "0.0410000000"),
        ("EUN1-Fargate-GB-Hours", "", "0.0045000000"),
        ("EUN1-Fargate-ARM-vCPU-Hours:perCPU", "", "0.0330000000"),
        ("EUN1-Fargate-ARM-GB-Hours", "", "0.0036000000"),
        ("EUN1-Fargate-Windows-vCPU-Hours:perCPU", "", "0.0920000000"),
        ("EUN1-SpotUsage-Fargate-GB-Hours", "", "0.0013000000"),
        ("EUN1-Fargate-EphemeralStorage-GB-Hours", "", "0.0001110000"),
    ],
    "AWSELB": [
        ("EUN1-LoadBalancerUsage", "LoadBalancing", "0.0266000000"),
        ("EUN1-LoadBalancerUsage", "LoadBalancing:Application", "0.0239000000"),
        ("EUN1-LoadBalancerUsage", "LoadBalancing:Network", "0.0238000000"),
        ("EUN1-LCUUsage", "LoadBalancing:Application", "0.0076000000"),
        ("EUN1-LCUUsage", "LoadBalancing:Network", "0.0057000000"),
        ("EUN1-Outposts-LoadBalancerUsage", "LoadBalancing:Application", "0.0239000000"),
    ],
    "AmazonEC2": [
        ("EUN1-NatGateway-Hours", "NatGateway", "0.0460000000"),
        ("EUN1-RegionalNatGateway-Hours", "RegionalNatGateway", "0.0990000000"),
        ("EUN1-NatGateway-Prvd-Gbps", "NatGateway", "1.1000000000"),
        ("EUN1-NatGateway-Bytes", "NatGateway", "0.0461000000"),
        ("EUN1-BoxUsage:t3.micro", "RunInstances", "0.0108000000"),
        ("EUN1-BoxUsage:t3.micro", "RunInstances", "57.0000000000", {"TermType": "Reserved"}),
    ],
    "AmazonVPC": [
        ("EUN1-PublicIPv4:InUseAddress", "AllocateAddressVPC", "0.0050000000"),
        ("EUN1-PublicIPv4:IdleAddress", "AllocateAddressVPC", "0.0050000000"),
        ("EUN1-VpcEndpoint-GWLBE-Hours", "VpcEndpoint", "0.0115000000"),
        ("EUN1-VpcEndpoint-Bytes", "VpcEndpoint", "0.0060000000", {"StartingRange": "1048576"}),
        ("EUN1-VpcEndpoint-Bytes", "VpcEndpoint", "0.0100000000"),
    ],
    "AmazonCloudWatch": [
        ("EUN1-DataProcessing-Bytes", "PutLogEvents", "0.0000000000"),
        ("EUN1-DataProcessing-Bytes", "PutLogEvents", "0.5400000000", {"StartingRange": "5"}),
        ("EUN1-VendedLog-Bytes", "PutLogEvents", "0.2700000000"),
    ],
}


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, which writes to a copy of the table."""
    found = importlib.util.spec_from_file_location("refresh_prices", SCRIPT)
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(__import__("sys").modules, "refresh_prices", module)
    found.loader.exec_module(module)
    table = tmp_path / "prices.json"
    table.write_bytes(module.TABLE.read_bytes())
    monkeypatch.setattr(module, "TABLE", table)
    return module


def price_list(offer: str, lines: Sequence[Line]) -> str:
    rows = [
        '"FormatVersion","v1.0"',
        '"Disclaimer","This pricing list is for informational purposes only. All prices, and so on"',
        '"Publication Date","2026-12-01T18:47:46Z"',
        '"Version","20261201184746"',
        f'"OfferCode","{offer}"',
        ",".join(f'"{name}"' for name in (*NAMES, "Product Family", "usageType", "operation", "serviceName")),
    ]
    for usage_type, operation, usd, *rest in lines:
        given = {"TermType": "OnDemand", "StartingRange": "0", "EndingRange": "Inf", "Currency": "USD"}
        given |= {"PricePerUnit": usd, "PriceDescription": "$1, or so", **(rest[0] if rest else {})}  # type: ignore[dict-item]
        cells = [*(given.get(name, "") for name in NAMES), "", usage_type, operation, offer]
        rows.append(",".join(f'"{cell}"' for cell in cells))
    return "\n".join(rows) + "\n"


def lists(folder: Path, **other: Sequence[Line]) -> Path:
    for offer, lines in {**LISTS, **other}.items():
        (folder / offer / "eu-north-1").mkdir(parents=True)
        (folder / offer / "eu-north-1" / "index.csv").write_text(price_list(offer, lines))
    return folder


def test_a_region_is_read_from_its_lists(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["eu-north-1", "--from", str(lists(tmp_path))]) == 0
    output = capsys.readouterr()
    assert output.out == "eu-north-1: 11 of 12 prices\n"
    assert "AmazonVPC has no VpcEndpoint-Hours, so there is no endpoint_hour" in output.err
    table = json.loads(script.TABLE.read_text())["regions"]
    assert {name: entry["usd"] for name, entry in table["eu-north-1"]["prices"].items()} == {
        "fargate_x86_vcpu_hour": "0.041",
        "fargate_x86_gb_hour": "0.0045",
        "fargate_arm_vcpu_hour": "0.033",
        "fargate_arm_gb_hour": "0.0036",
        "alb_hour": "0.0239",
        "alb_lcu_hour": "0.0076",
        "nat_hour": "0.046",
        "nat_gb": "0.0461",
        "ipv4_hour": "0.005",
        "endpoint_gb": "0.01",
        "logs_gb": "0.54",
    }
    source = table["eu-north-1"]["sources"][table["eu-north-1"]["prices"]["nat_hour"]["source"]]
    assert source["as_of"] == "2026-12-01"
    assert source["document"].endswith("/offers/v1.0/aws/AmazonEC2/current/eu-north-1/index.csv")
    assert (
        table["eu-west-1"]
        == json.loads((Path(prices.__file__).parent / "prices.json").read_text())["regions"]["eu-west-1"]
    )


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"AmazonECS": [*LISTS["AmazonECS"], ("Fargate-GB-Hours", "", "0.9")]}, "several prices in this list: 0.0045"),
        ({"AmazonECS": [("EUN1-Fargate-GB-Hours", "", "0")]}, "is free in this list"),
    ],
)
def test_what_is_ambiguous_changes_nothing(
    script: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    broken: dict[str, Sequence[Line]],
    message: str,
) -> None:
    before = script.TABLE.read_text()
    assert script.main(["eu-north-1", "--from", str(lists(tmp_path, **broken))]) == 1
    assert message in capsys.readouterr().err
    assert script.TABLE.read_text() == before


def test_a_page_that_is_no_list_changes_nothing(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = lists(tmp_path)
    (folder / "AmazonECS" / "eu-north-1" / "index.csv").write_text("<html>\n<body>\nsign in, please\n")
    assert script.main(["eu-north-1", "--from", str(folder)]) == 1
    assert "isn't a price list" in capsys.readouterr().err
    assert script.main(["eu-north-2", "--from", str(folder)]) == 1
    assert "eu-north-2 stays as it is" in capsys.readouterr().err


def test_the_shipped_table_is_as_the_script_writes_it(script: ModuleType) -> None:
    text = script.TABLE.read_text()
    assert script.written(json.loads(text)["regions"]) == text
