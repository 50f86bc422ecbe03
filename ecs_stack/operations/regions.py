"""AWS's regions, as botocore lists them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path


def known() -> list[str]:
    """Every region of every partition, in order. AWS may have newer ones.

    Read from botocore's data: its own way to them loads boto3 and every service's endpoints, 0.1 s.
    """
    found = importlib.util.find_spec("botocore")
    folder = Path((found.submodule_search_locations or ["."])[0] if found else ".")
    table = json.loads((folder / "data" / "partitions.json").read_text())
    # Each partition also has a region that isn't one, for its global services: aws-global, aws-cn-global, ...
    return sorted(
        name for partition in table["partitions"] for name in partition["regions"] if not name.endswith("-global")
    )
