"""Writes ecs_stack/rules/prices.json anew from AWS's Price List: refresh_prices.py REGION... [--from FOLDER]

The regions that are named are replaced as a whole, others stay. Without names, all that the table has are fetched. The
Price List needs no account. The list of AmazonEC2 has some 300 MB for a region, so all are read line by line.

--from takes files that were fetched elsewhere: FOLDER/OFFER/REGION/index.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from ecs_stack.rules.prices import RATES, Rate

TABLE = Path(__file__).resolve().parent.parent / "ecs_stack" / "rules" / "prices.json"
#: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api-fetching-price-list-files-manually.html
LIST = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{offer}/current/{region}/index.csv"
#: The rows before the column names: format, disclaimer, date, version, offer.
METADATA_ROWS = 5
ABOUT = (
    "AWS's public list prices (on demand, USD, without tax), one object a region. scripts/refresh_prices.py replaces a "
    "region's with what AWS's Price List says. What no document with a date was found for isn't here."
)


class PriceListError(Exception):
    """A list that doesn't look as AWS describes it, or that has several prices for one thing."""


@dataclass(frozen=True)
class Row:
    """One tier of one price."""

    usage_type: str
    operation: str
    starting_range: Decimal
    usd: Decimal


def read(lines: Iterable[str], rates: Mapping[str, Rate]) -> tuple[str, dict[str, Decimal]]:
    """The day a list was published, and its prices by rate; a rate that it doesn't have is left out.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
    """
    reader = csv.reader(lines)
    metadata = dict(row[:2] for row in (next(reader, []) for _ in range(METADATA_ROWS)) if len(row) > 1)
    if "Publication Date" not in metadata:
        raise PriceListError("this isn't a price list: it has no publication date")
    found: dict[str, list[Row]] = {}
    for row in _rows(reader):
        for name, rate in rates.items():
            if _is(row, rate):
                found.setdefault(name, []).append(row)
    return metadata["Publication Date"][:10], {name: _first_paid(name, rows) for name, rows in found.items()}


def _rows(reader: Iterator[list[str]]) -> Iterator[Row]:
    columns = {name: index for index, name in enumerate(next(reader))}
    try:
        term, currency, usd = columns["TermType"], columns["Currency"], columns["PricePerUnit"]
        start, usage, operation = columns["StartingRange"], columns["usageType"], columns["operation"]
    except KeyError as error:
        raise PriceListError(f"the list has no column {error}") from error
    for row in reader:
        if row[term] == "OnDemand" and row[currency] == "USD":
            yield Row(row[usage], row[operation], Decimal(row[start] or 0), Decimal(row[usd]))


def _is(row: Row, rate: Rate) -> bool:
    # Outside of us-east-1 a prefix names the region (EU-, EUC1-); for some offers there, too (USE1-).
    if not re.fullmatch(rf"(?:[A-Z]+[0-9]*-)?{re.escape(rate.usage_type)}", row.usage_type):
        return False
    return rate.operation is None or row.operation == rate.operation


def _first_paid(name: str, rows: Iterable[Row]) -> Decimal:
    """The price of the first tier that isn't free. Raises PriceListError if it is several things' price."""
    paid = [row for row in rows if row.usd]
    if not paid:
        raise PriceListError(f"{name} is free in this list")
    start = min(row.starting_range for row in paid)
    prices = {row.usd for row in paid if row.starting_range == start}
    if len(prices) > 1:
        raise PriceListError(f"{name} has several prices in this list: {', '.join(map(str, sorted(prices)))}")
    return prices.pop()


def region_entry(region: str, folder: Path | None) -> dict[str, Any]:
    """What the table has for a region: a source for each offer, and the prices."""
    sources, prices = [], {}
    for offer in dict.fromkeys(rate.offer for rate in RATES.values()):
        rates = {name: rate for name, rate in RATES.items() if rate.offer == offer}
        with _opened(offer, region, folder) as lines:
            as_of, found = read(lines, rates)
        sources.append({"document": LIST.format(offer=offer, region=region), "as_of": as_of})
        prices |= {name: {"usd": f"{usd.normalize():f}", "source": len(sources) - 1} for name, usd in found.items()}
        for name in rates.keys() - found.keys():
            print(f"{region}: {offer} has no {rates[name].usage_type}, so there is no {name}", file=sys.stderr)
    return {"sources": sources, "prices": {name: prices[name] for name in RATES if name in prices}}


@contextmanager
def _opened(offer: str, region: str, folder: Path | None) -> Iterator[TextIO]:
    if folder:
        with (folder / offer / region / "index.csv").open(encoding="utf-8", newline="") as lines:
            yield lines
        return
    with urllib.request.urlopen(LIST.format(offer=offer, region=region), timeout=60) as answer:
        yield io.TextIOWrapper(answer, encoding="utf-8", newline="")


def written(regions: Mapping[str, Any]) -> str:
    """The table as text: one line a price."""
    text = json.dumps({"about": ABOUT, "regions": {name: regions[name] for name in sorted(regions)}}, indent=2)
    return re.sub(r'\{\s+("usd": "[^"]+"),\s+("source": \d+)\s+\}', r"{\1, \2}", text) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("regions", metavar="REGION", nargs="*")
    parser.add_argument("--from", dest="folder", metavar="FOLDER", type=Path)
    options = parser.parse_args(arguments)
    regions: dict[str, Any] = json.loads(TABLE.read_text())["regions"]
    for region in options.regions or list(regions):
        try:
            regions[region] = region_entry(region, options.folder)
        except (OSError, PriceListError) as error:
            print(f"{region} stays as it is: {error}", file=sys.stderr)
            return 1
        # One region at a time: what was fetched isn't lost with the next.
        TABLE.write_text(written(regions))
        print(f"{region}: {len(regions[region]['prices'])} of {len(RATES)} prices")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
