"""ELBv2's listeners and rules as the configuration of the Caddy that routes: pure, data in and data out.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecs_stack.local.controllers.load_balancer import routers, slots
from ecs_stack.local.controllers.load_balancer.conditions import matcher
from ecs_stack.local.controllers.load_balancer.model import Group, Listener, Rule, forwards

#: Nanoseconds, Caddy's unit of time in JSON.
SECOND = 1_000_000_000
#: An ALB waits 10 s for a target's TCP handshake (troubleshooting guide, HTTP 504).
CONNECT_TIMEOUT = 10
#: A request whose target refuses the connection goes to the next one, at most that many times, 10 ms apart, and
#: not after that many seconds. An ALB has many nodes and stops using such a target within seconds; here it costs
#: no request. So many, because with callers at the same time the next one may be the dead one again.
RETRIES, RETRY_SECONDS = 60, 5

_STATUS_TEXT = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
_ALGORITHMS = {"round_robin": "round_robin", "least_outstanding_requests": "least_conn"}

Json = dict[str, Any]


def configuration(
    listeners: Sequence[Listener],
    groups: Mapping[str, Group],
    counts: Mapping[str, int],
    ports: Mapping[str, int],
    trace_epoch: int,
) -> Json:
    """Caddy's ``apps``. ``ports`` are the listeners' ports on 127.0.0.1 by ARN (see ``fronts``); one without isn't
    served.

    ``counts`` are the numbers of slots of the target groups (see ``slots``). ``trace_epoch`` (Unix seconds)
    is the time in new trace ids.
    """
    local_ports = {(each.balancer, each.port): ports[each.arn] for each in listeners if each.arn in ports}
    servers = {
        name: {"listen": [address], "routes": [{"handle": [_own_error(status)]}]}
        for name, address, status in (
            ("no-targets", slots.NO_TARGETS, 503),
            ("no-answer", slots.NO_ANSWER, 502),
        )
    }
    for listener in listeners:
        if listener.arn in ports:
            routes = [
                {
                    **_match(rule),
                    "terminal": True,
                    "handle": [_action(rule, listener, groups, counts, local_ports)],
                }
                for rule in listener.rules
            ]
            port = ports[listener.arn]
            servers[str(port)] = _server(port, [*_headers(trace_epoch), *routes])
    return {"http": {"servers": servers}}


def _server(port: int, routes: list[Json]) -> Json:
    return {
        "listen": [f"unix/{routers.listen_address(port)}"],
        # Before each connection ``fronts`` says whose it is.
        "listener_wrappers": [{"wrapper": "proxy_protocol"}],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "routes": routes,
        "errors": {
            "routes": [
                {
                    "match": [{"expression": "{http.error.status_code} == 504"}],
                    "terminal": True,
                    "handle": [_own_error(504)],
                },
                # Every other failure to get an answer from a target.
                {"handle": [_own_error(502)]},
            ]
        },
    }


def _headers(trace_epoch: int) -> list[Json]:
    root = f"1-{trace_epoch:08x}-"
    # 24 hexadecimal digits of this request's own UUID, which Caddy has with dashes.
    digits = {"search_regexp": r"^(.*=1-[0-9a-f]{8}-)([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-"
              r"([0-9a-f]{4})[0-9a-f]{8}(.*)$", "replace": "$1$2$3$4$5$6$7"}  # fmt: skip
    uuid = "{http.request.uuid}"
    name = "X-Amzn-Trace-Id"
    return [
        {
            "handle": [
                {"handler": "headers", "response": {"delete": ["Server"]}},
                # Caddy's own, added to a target's answer: so after it.
                {"handler": "headers", "response": {"deferred": True, "delete": ["Via"]}},
            ]
        },
        {
            "group": "trace",
            "match": [{"header": {name: ["*"]}}],
            "handle": [
                {
                    "handler": "headers",
                    "request": {"set": {name: [f"Self={root}{uuid};{{http.request.header.{name}}}"]}},
                }
            ],
        },
        {
            "group": "trace",
            "handle": [{"handler": "headers", "request": {"set": {name: [f"Root={root}{uuid}"]}}}],
        },
        {"handle": [{"handler": "headers", "request": {"replace": {name: [digits]}}}]},
    ]


def _match(rule: Rule) -> Json:
    """Every condition must hold. Caddy has one matcher of a kind in a set, a rule may have several:
    "not one of them fails" says the same."""
    conditions = [matcher(condition) for condition in rule.conditions]
    if not conditions:
        return {}
    return {"match": [{"not": [{"not": [condition]} for condition in conditions]}]}


def _action(
    rule: Rule,
    listener: Listener,
    groups: Mapping[str, Group],
    counts: Mapping[str, int],
    local_ports: Mapping[tuple[str, int], int],
) -> Json:
    # The last action is the one that answers; those before it authenticate, which needs HTTPS.
    action = rule.actions[-1]
    if action["Type"] == "fixed-response":
        config = action["FixedResponseConfig"]
        return _fixed(
            int(config["StatusCode"]),
            config.get("MessageBody", ""),
            config.get("ContentType") or "text/plain; charset=utf-8",
        )
    if action["Type"] == "redirect":
        return _redirect(action["RedirectConfig"], listener, local_ports)
    return _forward(rule, listener, groups, counts)


def _forward(rule: Rule, listener: Listener, groups: Mapping[str, Group], counts: Mapping[str, int]) -> Json:
    """One target group at random, by weight; then one of its targets."""
    weighted = forwards(rule.actions[-1])
    limits = slots.weight_paths(listener, rule)
    routes: list[Json] = []
    for (arn, _), limit in zip(weighted, [*limits, None], strict=True):
        route: Json = {"terminal": True, "handle": [_to_group(arn, listener, groups, counts)]}
        if limit is not None:
            # The first digits of a random UUID are a random number, one for the whole request.
            routes.append({"handle": [{"handler": "vars", "limit": f"{{file.{limit}}}"}]})
            route["match"] = [{"expression": "{http.request.uuid} < {http.vars.limit}"}]
        routes.append(route)
    return {"handler": "subroute", "routes": routes}


def _to_group(arn: str, listener: Listener, groups: Mapping[str, Group], counts: Mapping[str, int]) -> Json:
    group = groups.get(arn)
    if group is None:
        return _own_error(503)
    transport: Json = {
        "protocol": "http",
        "dial_timeout": CONNECT_TIMEOUT * SECOND,
        "response_header_timeout": int(listener.idle_timeout * SECOND),
        # An ALB passes Accept-Encoding on as it is.
        "compression": False,
        # A connection for each request: one that a stopping task just closed can't fail a later request.
        "keep_alive": {"enabled": False},
    }
    if group.protocol == "HTTPS":
        transport["tls"] = {"insecure_skip_verify": True}
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{{file.{path}}}"} for path in slots.paths(arn, counts[arn])],
        "transport": transport,
        "load_balancing": {
            "selection_policy": {"policy": _ALGORITHMS.get(group.algorithm, "round_robin")},
            "retries": RETRIES,
            "try_duration": RETRY_SECONDS * SECOND,
            "try_interval": SECOND // 100,
            # Beside refused connections, which are always tried again: requests that may be sent twice. A killed
            # container refuses none: Docker's proxy accepts for it, and resets (docs/adr/0006).
            "retry_match": [{"method": ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]}],
        },
        "headers": {
            "request": {
                "set": {
                    # As ``fronts`` made it; Caddy would add the client once more.
                    "X-Forwarded-For": ["{http.request.header.X-Forwarded-For}"],
                    "X-Forwarded-Port": [str(listener.port)],
                    "X-Forwarded-Proto": [listener.protocol.lower()],
                },
                # Caddy's own, which an ALB doesn't send.
                "delete": ["X-Forwarded-Host", "Via"],
            },
        },
        # Connections that were upgraded (WebSocket) outlive a change of the configuration.
        "stream_close_delay": 3600 * SECOND,
    }


def _redirect(config: Mapping[str, Any], listener: Listener, local_ports: Mapping[tuple[str, int], int]) -> Json:
    """``#{protocol}://#{host}:#{port}/#{path}?#{query}``, each part replaced where the action names one."""
    port = config.get("Port", "#{port}")
    # The listener that the redirect means answers on another port on this machine.
    number = listener.port if port == "#{port}" else int(port)
    number = local_ports.get((listener.balancer, number), number)
    keywords = {
        "#{protocol}": listener.protocol.lower(),
        "#{host}": "{http.request.host}",
        "#{port}": str(number),
        # Without the leading slash: the capture of the matcher below.
        "#{path}": "{http.regexp.path.1}",
        "#{query}": "{http.request.uri.query}",
    }
    parts = {
        "protocol": config.get("Protocol", "#{protocol}").lower(),
        "host": config.get("Host", "#{host}"),
        "path": config.get("Path", "/#{path}"),
        "query": config.get("Query", "#{query}"),
    }
    for keyword, value in keywords.items():
        parts = {name: text.replace(keyword, value) for name, text in parts.items()}
    base = f"{parts['protocol']}://{parts['host']}:{number}{parts['path']}"
    status = {"HTTP_301": 301, "HTTP_302": 302}[config["StatusCode"]]
    match_path = {"vars_regexp": {"{http.request.uri.path}": {"name": "path", "pattern": "(?s)^/?(.*)$"}}}
    # A request without a query string is redirected to a URL without "?", unless the action adds one.
    only_if_any = {"expression": '{http.request.uri.query} != ""'} if parts["query"] == keywords["#{query}"] else {}
    routes: list[Json] = [
        {
            "match": [{**match_path, **only_if_any}],
            "terminal": True,
            "handle": [_redirect_to(status, f"{base}?{parts['query']}")],
        },
        {"match": [match_path], "handle": [_redirect_to(status, base)]},
    ]
    return {"handler": "subroute", "routes": routes if parts["query"] else routes[1:]}


def _redirect_to(status: int, location: str) -> Json:
    return {
        "handler": "static_response",
        "status_code": status,
        "headers": {"Location": [location], "Server": ["awselb/2.0"], "Content-Type": ["text/html"]},
    }


def _own_error(status: int) -> Json:
    """The page an ALB answers with when there is no answer of a target."""
    title = f"{status} {_STATUS_TEXT[status]}"
    body = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return _fixed(status, body, "text/html")


def _fixed(status: int, body: str, content_type: str) -> Json:
    return {
        "handler": "static_response",
        "status_code": status,
        # Caddy fills in placeholders in bodies; a fixed response has none.
        "body": body.replace("{", "\\{"),
        "headers": {"Server": ["awselb/2.0"], "Content-Type": [content_type]},
    }
