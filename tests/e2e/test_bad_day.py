"""What goes wrong on a bad day: things changed behind our back."""

from __future__ import annotations

import pytest

from tests.e2e.project import Project

pytestmark = [pytest.mark.engine, pytest.mark.docker]


def test_drift_is_shown_in_words_and_repaired(project: Project) -> None:
    project.run("up", "dev", "--yes")
    project.client("logs").delete_log_group(logGroupName="/ecs/dev/api")
    elbv2 = project.client("elbv2")
    group = elbv2.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group(TargetGroupArn=group, HealthCheckPath="/wrong")
    assert "nothing to change" in project.run("preview", "dev").out
    shown = project.run("preview", "dev", "--refresh").out
    assert "LogGroup dev-api was deleted" in shown
    assert "TargetGroup dev-api was changed" in shown
    assert "healthCheck.path: /health -> /wrong" in shown

    project.run("up", "dev", "--yes", "--refresh")
    groups = project.client("logs").describe_log_groups()["logGroups"]
    assert [each["logGroupName"] for each in groups] == ["/ecs/dev/api"]
    assert elbv2.describe_target_groups()["TargetGroups"][0]["HealthCheckPath"] == "/health"
    again = project.run("preview", "dev", "--refresh", "--json").json
    assert again["drift"] == []
    assert again["summary"]["update"] == again["summary"]["create"] == 0
