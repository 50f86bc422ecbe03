"""Keeps Caddy in step with ELBv2's state and with its targets' health."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from pathlib import Path
from typing import Any

from ecs_stack.errors import LocalCloudError
from ecs_stack.local.addresses import AddressBook
from ecs_stack.local.controllers.load_balancer import slots
from ecs_stack.local.controllers.load_balancer.api import SERVICE, Api
from ecs_stack.local.controllers.load_balancer.fronts import Fronts
from ecs_stack.local.controllers.load_balancer.model import ClientFactory, Group, Listener, Snapshot, read
from ecs_stack.local.controllers.load_balancer.probes import probe
from ecs_stack.local.controllers.load_balancer.routers import Routers
from ecs_stack.local.controllers.load_balancer.routing import configuration
from ecs_stack.local.controllers.load_balancer.slots import SlotFiles
from ecs_stack.local.controllers.load_balancer.targets import (
    CHECKS_DISABLED,
    FAILED,
    INITIAL_CHECKS,
    State,
    Target,
    Targets,
)
from ecs_stack.local.gateway_messages import Request
from ecs_stack.local.persistence import read_json, write_json
from ecs_stack.local.persistence_paths import stable_port

log = logging.getLogger(__name__)

#: Seconds until Caddy has the listeners of last time.
START_TIMEOUT = 20
#: Seconds. Changes come in bursts (a stack's many calls): one reading serves those within this time.
GATHER = 0.02
#: Seconds between two looks at what is draining, and at whether Caddy lives.
TICK = 0.25
#: Seconds between probes of a new target: at first, growing by half each time, and at most.
FIRST_PROBE, SLOWEST_FIRST_PROBE = 0.1, 1.0
#: Seconds that a target drains at least once no new request goes to it: one that had just chosen it may not be
#: counted yet.
SETTLE = 0.5

#: These change no listener and no group.
_TARGET_OPERATIONS = frozenset({"RegisterTargets", "DeregisterTargets"})
_IDLE: Snapshot = Snapshot(groups={})


class LoadBalancers:
    """The controller: a thread with an event loop, told of changes by the gateway.

    ``base`` must be the current folder of this process; Caddy's files are there.
    """

    def __init__(
        self, *, state_dir: Path, clients: ClientFactory, addresses: AddressBook, base: Path, root: Path
    ) -> None:
        self._clients = clients
        self._addresses = addresses
        self._routers = Routers(base)
        self._root = root
        self._fronts = Fronts(base)
        self._open = False
        self._slots = SlotFiles(base)
        self._former_slots: set[str] = set()
        self.targets = Targets(state_dir / "targets.json")
        self._ports_file = state_dir / "listeners.json"
        saved: dict[str, Any] = read_json(self._ports_file) or {}
        self._ports: dict[str, int] = saved.get("ports", {})
        self._snapshots: dict[str, Snapshot] = dict.fromkeys(saved.get("regions", ()), _IDLE)
        self._dirty = set(self._snapshots)
        self._lock = threading.Lock()
        #: Changes asked for and changes that Caddy has, counted, so that a caller can wait for its own.
        self._asked, self._served = 0, 0
        self._progress = threading.Condition()
        self._stopping = False
        self._probes: dict[Target, asyncio.Task[None]] = {}
        # A new trace id's time: when the process started, for Caddy can't write the time as AWS does.
        self._trace_epoch = int(time.time())
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="load-balancer", daemon=True)
        self.api = Api(clients=clients, targets=self.targets, changed=self.changed, used=self._used)

    def start(self) -> None:
        """Start the loop and the Caddy that routes, and wait until it has the listeners of last time."""
        self._asked += 1
        self._thread.start()
        self._require_settled()

    def open(self) -> None:
        """Let clients in, and wait until listeners answer: call it once the targets' addresses are known."""
        self._open = True
        self.changed()
        self._require_settled()

    def stop(self) -> None:
        """Stop probing, and Caddy."""
        if self._thread.is_alive():
            self._stopping = True
            self._loop.call_soon_threadsafe(self._wake.set)
            self._thread.join(timeout=5)
        self._fronts.stop()
        self._routers.stop()

    def notice(self, request: Request) -> None:
        """A request changed something (a listener of the gateway)."""
        if request.service == SERVICE and request.action not in _TARGET_OPERATIONS:
            with self._lock:
                self._dirty.add(request.region)
            self.changed()

    def changed(self) -> None:
        """Listeners, rules or targets differ from what Caddy has."""
        with self._progress:
            self._asked += 1
        self._loop.call_soon_threadsafe(self._wake.set)

    def wait_settled(self, timeout: float) -> bool:
        """Wait until Caddy has every change made until now. Seconds."""
        with self._progress:
            asked = self._asked
            return self._progress.wait_for(lambda: self._served >= asked, timeout)

    @property
    def routers(self) -> list[int]:
        """The processes that route; the first takes requests now."""
        return self._routers.pids

    @property
    def fronts(self) -> dict[int, int]:
        """The processes that clients connect to: process ids by port."""
        return self._fronts.pids

    def listeners(self) -> dict[str, dict[str, Any]]:
        """Where each listener answers, by ARN."""
        self.wait_settled(3)
        return {
            listener.arn: {
                "load_balancer": listener.balancer,
                "port": port,
                "url": f"{listener.protocol.lower()}://localhost:{port}",
            }
            for listener in self._all_listeners()
            if (port := self._ports.get(listener.arn)) is not None
        }

    def _require_settled(self) -> None:
        if not self.wait_settled(START_TIMEOUT):
            raise LocalCloudError("The local load balancers didn't start: see the local cloud's log")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._control())

    async def _control(self) -> None:
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK)
            if self._wake.is_set():
                await asyncio.sleep(GATHER)
            self._wake.clear()
            asked = self._asked
            try:
                await self._step()
                with self._progress:
                    self._served = asked
                    self._progress.notify_all()
            except Exception:
                # State that can't be read or served now may be served after the next change.
                log.exception("the load balancers couldn't be brought up to date")
        for task in self._probes.values():
            task.cancel()
        await asyncio.gather(*self._probes.values(), return_exceptions=True)

    async def _step(self) -> None:
        with self._lock:
            regions, self._dirty = self._dirty, set()
        for region in regions:
            try:
                self._snapshots[region] = await asyncio.to_thread(read, self._clients, region)
            except Exception:
                with self._lock:
                    self._dirty.add(region)
                raise
        if regions:
            self._assign_ports()
        self._follow_targets()
        # On this thread, which lives as long as the process: Linux ends Caddy with the thread that starts it.
        self._routers.keep_alive()
        await asyncio.to_thread(self._apply)
        if self._open:
            await self._fronts.follow(
                {
                    self._ports[each.arn]: each
                    for each in self._all_listeners()
                    if each.arn in self._ports and (each.names or each.protocol == "HTTP")
                }
            )
        await self._finish_draining()

    def _assign_ports(self) -> None:
        """Each listener has a port of its own on 127.0.0.1 for as long as it exists."""
        listeners = {listener.arn: listener for listener in self._all_listeners()}
        ports = {arn: port for arn, port in self._ports.items() if arn in listeners}
        for arn, listener in listeners.items():
            if arn not in ports and listener.protocol in ("HTTP", "HTTPS"):
                key = f"{self._root} {listener.balancer} {listener.port}"
                ports[arn] = stable_port(key, frozenset(ports.values()))
        self._ports = ports
        write_json(self._ports_file, {"ports": ports, "regions": sorted(self._snapshots)})

    def _follow_targets(self) -> None:
        """Probe what is in use; forget targets of deleted groups; a group that comes into use starts anew."""
        for target in self.targets.all():
            group = self._group(target)
            if group is None:
                if self._snapshots.get(target.region) is not None:
                    self.targets.remove(target)
                continue
            used = target.group in self._used(target.region)
            if target in self._probes and (self._probes[target].done() or not used):
                self._probes.pop(target).cancel()
            if target.draining or not used:
                continue
            if not group.check.enabled:
                target.become(State.UNAVAILABLE, CHECKS_DISABLED)
            if target not in self._probes:
                if target.state is not State.UNAVAILABLE:
                    target.become(State.INITIAL, INITIAL_CHECKS)
                self._probes[target] = self._loop.create_task(self._probe(target))
        alive = set(self.targets.all())
        for target in [target for target in self._probes if target not in alive]:
            self._probes.pop(target).cancel()

    async def _probe(self, target: Target) -> None:
        pause = FIRST_PROBE
        while not target.draining:
            group = self._group(target)
            if group is None:
                return
            if self._address(target, group) != target.address:
                target.address = self._address(target, group)
                self.changed()
            if group.check.enabled:
                port = self._addresses.resolve(group.vpc_id, target.id, group.check.port or target.port)
                host = f"{target.id}:{target.port}"
                failure = FAILED if port is None else await probe(group.check, host, port)
                with self.targets.lock:
                    if target.observe(failure, group.check, time.monotonic()):
                        log.info("%s:%d is %s in %s", target.id, target.port, target.state, _name(target.group))
                        self.changed()
            if target.state is State.INITIAL:
                await asyncio.sleep(min(pause, group.check.interval))
                pause = min(pause * 1.5, SLOWEST_FIRST_PROBE)
            else:
                await asyncio.sleep(group.check.interval)

    def _apply(self) -> None:
        groups: dict[str, Group] = {}
        for snapshot in self._snapshots.values():
            groups.update(snapshot.groups)
        listeners = self._all_listeners()
        counts = {arn: slots.count(len(self.targets.of(arn))) for arn in groups}
        contents: dict[str, str] = {}
        for arn, group in groups.items():
            contents.update(slots.addresses(arn, counts[arn], self._upstreams(group)))
        for listener in listeners:
            for rule in listener.rules:
                contents.update(slots.weights(listener, rule))
        draining = [t for t in self.targets.all() if t.draining]
        # Files first: a configuration must find those it names.
        self._slots.write(contents)
        if self._routers.load(configuration(listeners, groups, counts, self._ports, self._trace_epoch)):
            # Requests that are under way by the configuration before may be sent again by it.
            self._slots.keep(self._former_slots | contents.keys())
            self._former_slots = set(contents)
        for target in draining:
            if target.drained_after is None:
                target.drained_after = time.monotonic() + SETTLE

    def _upstreams(self, group: Group) -> list[str] | None:
        """Where requests to a group may go: its healthy targets; all that are registered if none is healthy
        (an ALB fails open); None without any registered."""
        registered = [t for t in self.targets.of(group.arn) if not t.draining]
        if not registered:
            return None
        ready = [t for t in registered if t.state in (State.HEALTHY, State.UNAVAILABLE)]
        for target in registered:
            target.address = self._address(target, group) or target.address
        return sorted({t.address for t in ready or registered if t.address})

    async def _finish_draining(self) -> None:
        """A target is gone once nothing is in flight to it, or its deregistration delay is over."""
        now = time.monotonic()
        due = [t for t in self.targets.all() if t.drained_after is not None and now >= t.drained_after]
        if not due:
            return
        in_flight = await asyncio.to_thread(self._routers.in_flight)
        for target in due:
            group = self._group(target)
            expired = group is None or now - target.since >= group.drain
            if expired or not in_flight.get(target.address or "", 0):
                self.targets.remove(target)
                log.info("%s:%d is deregistered from %s", target.id, target.port, _name(target.group))
                self.changed()

    def _address(self, target: Target, group: Group) -> str | None:
        port = self._addresses.resolve(group.vpc_id, target.id, target.port)
        return f"127.0.0.1:{port}" if port is not None else None

    def _group(self, target: Target) -> Group | None:
        return self._snapshots.get(target.region, _IDLE).groups.get(target.group)

    def _used(self, region: str) -> set[str]:
        return self._snapshots.get(region, _IDLE).used_groups()

    def _all_listeners(self) -> list[Listener]:
        return [listener for snapshot in self._snapshots.values() for listener in snapshot.listeners]


def _name(group_arn: str) -> str:
    return group_arn.split("/")[1]
