"""What time it is: this machine's clock is believed as far as AWS's confirms it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from ecs_stack.errors import RefusedError

#: AWS itself refuses requests that are signed further off (Signature Version 4).
LIMIT = timedelta(minutes=5)


def agreed(sts: Any) -> datetime:
    """The earlier of this machine's time and AWS's, so that nothing seems older than it is.

    Raises RefusedError if they are further apart than ``LIMIT``, or AWS's answer doesn't tell the time.
    """
    answer = sts.get_caller_identity()
    ours = datetime.now(UTC)
    header = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    theirs = _moment(header)
    if theirs is None:
        raise RefusedError(
            f"AWS's answer doesn't tell the time (Date: {header}), and nothing is judged by this machine's clock alone",
            hint="A proxy may have changed the header: let answers of STS through as they are.",
        )
    if abs(ours - theirs) > LIMIT:
        raise RefusedError(
            f"this machine's clock says {_clock(ours)}, and AWS's {_clock(theirs)}: what has expired can't be told",
            hint="Set the clock, and keep it right with NTP.",
        )
    return min(ours, theirs)


def _moment(header: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def _clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
