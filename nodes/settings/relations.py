"""Decides which settings do not go together, although each alone is right.

It must not know files or lines: it is given a whole set of settings and names the keys of each clash.
The rules: TCP needs encryption (design map, section 10); stop a child within its lease; tasks need a module.
"""

from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec

from .clash import Clash
from .cluster_relations import cluster_clashes
from .errors import KeyPath
from .executor_section import ExecutorSection
from .models import NodeSettings

PAGE_BYTES = 4096
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def clashes(settings: NodeSettings) -> Iterator[Clash]:
    """Finds every clash in a set of settings that are right one by one."""
    yield from _endpoints(settings)
    yield from _metrics(settings)
    yield from _repeats(settings)
    yield from _storage(settings)
    yield from _executors(settings)
    yield from _executor_names(settings)
    yield from cluster_clashes(settings)
    supervisor = settings.supervisor
    if supervisor.restart_backoff_min_ms > supervisor.restart_backoff_max_ms:
        keys = (("supervisor", "restart_backoff_min_ms"), ("supervisor", "restart_backoff_max_ms"))
        text = f"give at most restart_backoff_max_ms, which is {supervisor.restart_backoff_max_ms:_}"
        yield Clash(keys, supervisor.restart_backoff_min_ms, text)


def _endpoints(settings: NodeSettings) -> Iterator[Clash]:
    insecure: KeyPath = ("node", "insecure")
    if settings.node.insecure:
        return
    places: list[tuple[KeyPath, tuple[str, ...]]] = [(("node", "listen"), settings.node.listen)]
    places += [(("executor", i, "coordinators"), e.coordinators) for i, e in enumerate(settings.executors)]
    for path, endpoints in places:
        for index, endpoint in enumerate(endpoints):
            if endpoint.startswith("tcp://"):
                text = (
                    "TCP needs CURVE encryption, which this version does not have: use an ipc:// endpoint,"
                    " or set insecure = true in [node] where everybody on the network may use the node"
                )
                yield Clash(((*path, index), insecure), endpoint, text)


def _metrics(settings: NodeSettings) -> Iterator[Clash]:
    listen = settings.metrics.listen
    if listen is None:
        return
    if find_spec("prometheus_client") is None:
        text = 'the package prometheus-client is not installed: pip install "mainspring[metrics]"'
        yield Clash((("metrics", "listen"),), listen, text)
    host, _ = settings.metrics.address
    if host not in LOOPBACK and not settings.node.insecure:
        text = (
            "whoever reaches the port reads the names of tasks and queues: listen on 127.0.0.1, or set insecure = true"
            " in [node] where everybody on the network may"
        )
        yield Clash((("metrics", "listen"), ("node", "insecure")), listen, text)


def _repeats(settings: NodeSettings) -> Iterator[Clash]:
    lists: list[tuple[KeyPath, tuple[object, ...]]] = [
        (("node", "listen"), settings.node.listen),
        (("coordinator", "tenants"), settings.coordinator.tenants),
    ]
    for i, executor in enumerate(settings.executors):
        keys = ("tasks", "import_paths", "queues", "coordinators")
        lists += [(("executor", i, key), getattr(executor, key)) for key in keys]
    for path, items in lists:
        seen: set[object] = set()
        for index, item in enumerate(items):
            if item in seen:
                yield Clash(((*path, index),), item, "is in the list already: take one of them out")
            seen.add(item)


def _storage(settings: NodeSettings) -> Iterator[Clash]:
    storage = settings.storage
    least = 2 * storage.checkpoint_pages * PAGE_BYTES
    if storage.wal_bytes_max < least:
        keys = (("storage", "wal_bytes_max"), ("storage", "checkpoint_pages"))
        text = f"give at least {least:_}: twice what checkpoint_pages = {storage.checkpoint_pages:_} stands for"
        yield Clash(keys, storage.wal_bytes_max, text)


def _executors(settings: NodeSettings) -> Iterator[Clash]:
    coordinator = settings.coordinator
    if not coordinator.enabled and not settings.executors:
        text = "the node has nothing to run: set it to true, or add an [[executor]]"
        yield Clash((("coordinator", "enabled"), ("executor",)), False, text)
    for i, executor in enumerate(settings.executors):
        path: KeyPath = ("executor", i)
        has_commands = bool(settings.commands) or executor.commands is not None
        if not executor.tasks and not has_commands:
            text = 'names no module: give one such as tasks = ["shop.tasks"], or set MAINSPRING_TASKS'
            yield Clash(((*path, "tasks"),), executor.tasks if "tasks" in executor.model_fields_set else None, text)
        if not executor.tasks and has_commands and executor.command_slots == 0:
            yield Clash(((*path, "command_slots"),), 0, "no job could run: give command_slots at least 1")
        slots = ("process_slots", "asyncio_slots", "thread_slots")
        if not any(getattr(executor, key) for key in slots) and (executor.tasks or not has_commands):
            text = "no job could run: give process_slots, asyncio_slots or thread_slots at least 1"
            yield Clash(tuple((*path, key) for key in slots), 0, text)
        if not coordinator.enabled and not executor.coordinators:
            text = "this node runs no coordinator: give the endpoints of those to work for"
            yield Clash(((*path, "coordinators"), ("coordinator", "enabled")), None, text)
        # An executor that has lost its link stops its children before the lease ends, grace included.
        if coordinator.enabled and not executor.coordinators:
            yield from _grace(path, executor, coordinator.lease_ttl_ms)


def _grace(path: KeyPath, executor: ExecutorSection, lease_ttl_ms: int) -> Iterator[Clash]:
    if 2 * executor.kill_grace_ms > lease_ttl_ms:
        text = f"give at most {lease_ttl_ms // 2:_}, half of the coordinator's lease_ttl_ms"
        yield Clash(((*path, "kill_grace_ms"), ("coordinator", "lease_ttl_ms")), executor.kill_grace_ms, text)


def _executor_names(settings: NodeSettings) -> Iterator[Clash]:
    names = Counter(name for executor in settings.executors for name in executor.process_names())
    taken: set[str] = set()
    for i, executor in enumerate(settings.executors):
        own = executor.process_names()
        if twice := next((name for name in own if names[name] > 1 and name in taken), None):
            keys: tuple[KeyPath, ...] = (("executor", i, "name"), ("executor", i, "count"))
            keys += tuple(("executor", other, key) for other in range(i) for key in ("name", "count"))
            given = executor.name if "name" in executor.model_fields_set else None
            yield Clash(keys, given, f'two executor processes would be named "{twice}": give each table its own name')
        taken.update(own)
