"""Which target, or which answer, a request gets: rules, weights, actions and headers as an ALB has them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from typing import Any

import pytest

from tests.local.load_balancer.harness import Answer, Backend, Stack

pytestmark = pytest.mark.emulator


def forward(group: str) -> dict[str, Any]:
    return {"Type": "forward", "TargetGroupArn": group}


def fixed(body: str, status: str = "200") -> dict[str, Any]:
    return {
        "Type": "fixed-response",
        "FixedResponseConfig": {"StatusCode": status, "MessageBody": body, "ContentType": "text/plain"},
    }


def host(*values: str) -> dict[str, Any]:
    return {"Field": "host-header", "HostHeaderConfig": {"Values": list(values)}}


def path(*values: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


def header(name: str, *values: str) -> dict[str, Any]:
    return {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": list(values)}}


def query(*pairs: tuple[str, str]) -> dict[str, Any]:
    values = [{"Key": key, "Value": value} if key else {"Value": value} for key, value in pairs]
    return {"Field": "query-string", "QueryStringConfig": {"Values": values}}


def method(*values: str) -> dict[str, Any]:
    return {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": list(values)}}


def source(*values: str) -> dict[str, Any]:
    return {"Field": "source-ip", "SourceIpConfig": {"Values": list(values)}}


def test_two_healthy_targets_answer_in_turn(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    listener = stack.listener(forward(group))
    stack.register(group, *backends[:2])
    names = [stack.request(listener).name for _ in range(6)]
    assert names[:2] in (["a", "b"], ["b", "a"])
    assert names == names[:2] * 3


#: Conditions, a request (path, method, headers), and whether the rule matches.
CONDITIONS: list[tuple[list[Any], str, str, dict[str, str], bool]] = [
    ([path("/img/*")], "/img/a/b.png", "GET", {}, True),
    ([path("/img/*")], "/img", "GET", {}, False),
    ([path("/img/*")], "/IMG/a", "GET", {}, False),  # paths are case-sensitive
    ([path("/img/*")], "/img/a?x=/other", "GET", {}, True),  # the query string is no part of it
    ([path("/a?c")], "/abc", "GET", {}, True),
    ([path("/a?c")], "/ac", "GET", {}, False),
    ([path("/a.c")], "/abc", "GET", {}, False),  # no regular expression
    ([path("/one", "/two")], "/two", "GET", {}, True),
    ([host("api.example.com")], "/", "GET", {"Host": "API.example.com"}, True),  # hosts are not
    ([host("api.example.com")], "/", "GET", {"Host": "api.example.com:8080"}, True),
    ([host("*.example.com")], "/", "GET", {"Host": "a.b.example.com"}, True),
    ([host("*.example.com")], "/", "GET", {"Host": "example.com"}, False),
    ([host("pr-?.example.com")], "/", "GET", {"Host": "pr-7.example.com"}, True),
    ([header("X-Canary", "yes", "on*")], "/", "GET", {"x-canary": "ONE"}, True),
    ([header("X-Canary", "yes")], "/", "GET", {}, False),
    ([query(("version", "v1"))], "/?a=1&VERSION=V1", "GET", {}, True),
    ([query(("version", "v1"))], "/?version=v12", "GET", {}, False),
    ([query(("", "*beta*"))], "/?any=my-beta-1", "GET", {}, True),
    ([method("PUT", "DELETE")], "/", "PUT", {}, True),
    ([method("PUT", "DELETE")], "/", "GET", {}, False),
    ([source("127.0.0.0/8")], "/", "GET", {}, True),
    ([source("10.0.0.0/8")], "/", "GET", {}, False),
    ([path("/x"), host("h.example.com")], "/x", "GET", {"Host": "h.example.com"}, True),
    ([path("/x"), host("h.example.com")], "/x", "GET", {"Host": "other"}, False),
    ([header("X-A", "1"), header("X-B", "2")], "/", "GET", {"X-A": "1", "X-B": "2"}, True),
    ([header("X-A", "1"), header("X-B", "2")], "/", "GET", {"X-A": "1"}, False),
    ([query(("a", "1")), query(("b", "2"))], "/?b=2&a=1", "GET", {}, True),
    ([query(("a", "1")), query(("b", "2"))], "/?a=1", "GET", {}, False),
]


def test_conditions(stack: Stack) -> None:
    """All cases on one listener: each case's rule needs its own header besides, and answers its number."""
    listener = stack.listener(fixed("default", "404"))
    # A rule may have five conditions' values here; the case header is one of them.
    for number, (conditions, *_) in enumerate(CONDITIONS, 1):
        stack.rule(listener, number, [*conditions, header("X-Case", str(number))], fixed(f"case {number}"))
    wrong = []
    for number, (conditions, where, verb, headers, matches) in enumerate(CONDITIONS, 1):
        answer = stack.request(listener, where, method=verb, **{**headers, "X-Case": str(number)})
        if (answer.text == f"case {number}") is not matches:
            wrong.append((conditions, where, verb, headers, answer.status))
    assert wrong == []


def test_the_lowest_priority_that_matches_wins(stack: Stack) -> None:
    listener = stack.listener(fixed("default"))
    stack.rule(listener, 20, [path("/*")], fixed("twenty"))
    narrow = stack.rule(listener, 10, [path("/a*")], fixed("ten"))
    assert [stack.request(listener, where).text for where in ("/a", "/b")] == ["ten", "twenty"]
    stack.elb.set_rule_priorities(RulePriorities=[{"RuleArn": narrow, "Priority": 30}])
    assert stack.request(listener, "/a").text == "twenty"


def test_as_many_rules_as_a_load_balancer_takes(stack: Stack) -> None:
    """100 without the default one; DescribeRules answers with fewer at a time."""
    listener = stack.listener(fixed("default", "404"))
    for number in range(1, 101):
        stack.rule(listener, number, [host(f"pr-{number}.example.com")], fixed(str(number)))
    for number in (1, 50, 51, 100):
        assert stack.request(listener, "/", Host=f"pr-{number}.example.com").text == str(number)


def test_fixed_response(stack: Stack) -> None:
    listener = stack.listener(fixed("nothing {here} for you", "404"))
    answer = stack.request(listener)
    assert (answer.status, answer.text) == (404, "nothing {here} for you")
    assert answer.headers["Server"] == "awselb/2.0"
    assert answer.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    ("config", "where", "location"),
    [
        ({"StatusCode": "HTTP_301", "Host": "www.example.com", "Port": "8443", "Protocol": "HTTPS"},
         "/a/b?c=d", "https://www.example.com:8443/a/b?c=d"),
        ({"StatusCode": "HTTP_302", "Host": "#{host}", "Path": "/new/#{path}", "Port": "81"},
         "/old", "http://shop.example.com:81/new/old"),
        ({"StatusCode": "HTTP_302", "Host": "x", "Path": "/", "Query": "from=#{path}", "Port": "81"},
         "/old", "http://x:81/?from=old"),
    ],
)  # fmt: skip
def test_redirect(stack: Stack, config: dict[str, str], where: str, location: str) -> None:
    listener = stack.listener({"Type": "redirect", "RedirectConfig": config})
    answer = stack.request(listener, where, Host="shop.example.com")
    assert answer.status == int(config["StatusCode"][-3:])
    assert answer.headers["Location"] == location


def test_a_redirect_to_another_listener_leads_to_its_port_on_this_machine(stack: Stack) -> None:
    balancer = stack.balancer()
    other = stack.listener(fixed("here"), port=8080, balancer=balancer)
    redirect = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Port": "8080"}}
    listener = stack.listener(redirect, balancer=balancer)
    location = stack.request(listener, "/x", Host="localhost").headers["Location"]
    assert location == f"http://localhost:{stack.controller.listeners()[other]['port']}/x"


def test_weights(stack: Stack, backends: list[Backend]) -> None:
    blue, green = stack.group(), stack.group()
    split = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": [
                {"TargetGroupArn": blue, "Weight": 80},
                {"TargetGroupArn": green, "Weight": 20},
            ]
        },
    }
    listener = stack.listener(split)
    stack.register(blue, backends[0])
    stack.register(green, backends[1])
    counts = Counter(stack.request(listener).name for _ in range(300))
    # 60 of 300 expected; five standard deviations (7) either way.
    assert 25 <= counts["b"] <= 95
    for group, weight in ((blue, 0), (green, 100)):
        next(g for g in split["ForwardConfig"]["TargetGroups"] if g["TargetGroupArn"] == group)["Weight"] = weight
    stack.elb.modify_listener(ListenerArn=listener, DefaultActions=[split])
    assert {stack.request(listener).name for _ in range(20)} == {"b"}


def test_headers_that_a_target_gets(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    listener = stack.listener(forward(group))
    stack.register(group, backends[0])
    answer = stack.request(listener, "/", Host="www.example.com", X_Forwarded_For="203.0.113.9")
    seen = answer.seen
    assert seen["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"
    assert (seen["X-Forwarded-Proto"], seen["X-Forwarded-Port"]) == ("http", "80")
    assert seen["Host"] == "www.example.com"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", seen["X-Amzn-Trace-Id"])
    assert "X-Forwarded-Host" not in seen
    assert "Via" not in answer.headers
    given = "Root=1-67891233-abcdef012345678912345678"
    traced = stack.request(listener, X_Amzn_Trace_Id=given).seen["X-Amzn-Trace-Id"]
    assert re.fullmatch(rf"Self=1-[0-9a-f]{{8}}-[0-9a-f]{{24}};{given}", traced)


def test_503_without_targets_and_502_without_an_answer(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    listener = stack.listener(forward(group))
    empty = stack.request(listener)
    assert (empty.status, empty.headers["Server"]) == (503, "awselb/2.0")
    stack.register(group, backends[0])
    backends[0].stop()
    gone = stack.request(listener)
    assert gone.status == 502
    assert "502 Bad Gateway" in gone.text


def test_504_when_a_target_takes_longer_than_the_idle_timeout(stack: Stack, backends: list[Backend]) -> None:
    balancer, group = stack.balancer(), stack.group()
    stack.elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "2"}]
    )
    listener = stack.listener(forward(group), balancer=balancer)
    stack.register(group, backends[0])
    assert stack.request(listener, "/?wait=1").status == 200
    assert stack.request(listener, "/?wait=4").status == 504


def test_a_target_that_dies_costs_no_later_request(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    listener = stack.listener(forward(group))
    stack.register(group, *backends[:2])
    backends[0].stop()
    assert {(answer.status, answer.name) for answer in (stack.request(listener) for _ in range(12))} == {(200, "b")}
    assert stack.request(listener, method="POST").status == 200


def test_no_request_is_lost_while_targets_and_weights_change(stack: Stack, backends: list[Backend]) -> None:
    blue, green = stack.group(), stack.group()

    def split(weight: int) -> dict[str, Any]:
        weights = [{"TargetGroupArn": blue, "Weight": 100 - weight}, {"TargetGroupArn": green, "Weight": weight}]
        return {"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}

    listener = stack.listener(split(0))
    first, _ = stack.register(blue, *backends[:2])
    stack.register(green, backends[2])
    url = stack.url(listener)
    statuses: Counter[object] = Counter()
    done = threading.Event()

    def call(where: str) -> None:
        while not done.is_set():
            try:
                statuses[stack.request(url, where).status] += 1
            except OSError as error:
                statuses[repr(error)] += 1

    callers = [threading.Thread(target=call, args=(where,)) for where in ("/", "/", "/?wait=0.7")]
    for caller in callers:
        caller.start()
    for weight in (10, 50, 90):
        stack.elb.modify_listener(ListenerArn=listener, DefaultActions=[split(weight)])
        stack.elb.deregister_targets(TargetGroupArn=blue, Targets=[{"Id": first}])
        time.sleep(0.2)
        stack.elb.register_targets(TargetGroupArn=blue, Targets=[{"Id": first}])
        time.sleep(0.2)
    done.set()
    for caller in callers:
        caller.join()
    assert set(statuses) == {200}
    assert statuses[200] > 30


def test_a_request_in_flight_survives_a_change_of_rules(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    listener = stack.listener(forward(group))
    stack.register(group, backends[0])
    answers: list[Answer] = []
    slow = threading.Thread(target=lambda: answers.append(stack.request(listener, "/?wait=1.5")))
    slow.start()
    time.sleep(0.3)
    stack.rule(listener, 1, [path("/new")], fixed("new"))
    assert stack.request(listener, "/new").text == "new"
    assert slow.is_alive()
    slow.join()
    assert answers[0].status == 200
