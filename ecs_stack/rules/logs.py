"""CloudWatch Logs: how long events can be kept."""

from __future__ import annotations

#: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


def retention_problem(days: int) -> str | None:
    """What is wrong with a retention, naming the nearest ones there are; None if AWS has it."""
    if days in RETENTION_DAYS:
        return None
    near = sorted(sorted(RETENTION_DAYS, key=lambda there_is: abs(there_is - days))[:2])
    return (
        f"{days} isn't a retention of CloudWatch Logs. The nearest are {near[0]} and {near[1]}; there are: "
        f"{', '.join(map(str, RETENTION_DAYS))}."
    )
