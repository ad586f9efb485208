"""How a node's settings become the plans of its processes."""

import dataclasses
from pathlib import Path

import pytest

from mainspring.actors.supervisor.settings import Kind, ProcessSpec
from mainspring.nodes.processes.plan import CoordinatorPlan, ExecutorPlan, SchedulesPlan
from mainspring.nodes.settings.load import load
from mainspring.nodes.settings.models import NodeSettings
from mainspring.nodes.supervisor.errors import NodeError
from mainspring.nodes.supervisor.plans import (
    plan_coordinator,
    plan_executor,
    plan_schedules,
    specs,
    supervisor_settings,
    urls,
)

FILE = """
[node]
name = "east"
data_dir = "data"
listen = ["ipc:///run/mainspring.ipc"]
drain_timeout_s = 2.5
log_level = "debug"
log_format = "json"
log_jobs = "all"

[coordinator]
shards = 2
tenants = ["default", "acme"]
lease_ttl_ms = 5_000
dedup_window = 7
session_ttl_s = 20
key_ttl_s = 30
payload_bytes_max = 2_048
batch_jobs_max = 9
backlog_jobs_max = 10
retention.finished_jobs_max = 11
retention.finished_age_s = 12
retention.queues.mail.finished_jobs_max = 13

[storage]
segment_bytes = 2_097_152
truncate_every_s = 1.5
checkpoint_pages = 500
wal_bytes_max = 8_388_608
synchronous = "normal"

[[executor]]
name = "mail"
count = 2
tasks = ["shop.mail"]
import_paths = ["src"]
queues = ["mail"]
process_slots = 3
asyncio_slots = 4
thread_slots = 6
labels = { gpu = "a100", disk = "ssd" }
recycle = { jobs_max = 7, rss_bytes_max = 8_388_608, age_s = 9 }
command_slots = 5
timeout_default_s = 5
kill_grace_ms = 600
start_timeout_s = 7.5

[[executor]]
name = "far"
tasks = ["shop.far"]
coordinators = ["ipc:///run/other.ipc"]

[commands.sync]
argv = ["rsync", "-a"]
env = { A = "b" }
stdin = "in"
cwd = "data"
timeout = "1m"
output_bytes_max = 9
ok_exits = [0, 24]
queue = "night"
retries = 2
priority = -3

[supervisor]
restart_backoff_min_ms = 8
restart_backoff_max_ms = 9
restart_reset_s = 1.5
"""


CLUSTER = """
[node]
name = "b"
insecure = true
listen = ["ipc:///run/b.ipc"]

[cluster]
heartbeat_ms = 60
election_ms = 300
check_quorum_ms = 4_000
rebalance_s = 7
join = true

[[cluster.members]]
name = "b"
member_endpoint = "tcp://10.0.0.2:7421"
client_endpoint = "tcp://10.0.0.2:7411"

[[executor]]
tasks = ["t"]
"""
OTHERS = "".join(
    f'''
[[cluster.members]]
name = "{name}"
member_endpoint = "tcp://10.0.0.{number}:7421"
client_endpoint = "tcp://10.0.0.{number}:7411"
'''
    for name, number in (("a", 1), ("c", 3))
)


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    """Settings in which no value is the default."""
    (tmp_path / "node.toml").write_text(FILE)
    return load(tmp_path / "node.toml", {})


def test_the_coordinators_plan_holds_every_setting(settings: NodeSettings, tmp_path: Path) -> None:
    """Each setting must arrive, in the unit that the plan's field names."""
    plan = plan_coordinator(settings, "ipc://here")
    assert dataclasses.asdict(plan) == {
        "node": "east",
        "data_dir": str(tmp_path / "data"),
        "endpoints": ["ipc://here", "ipc:///run/mainspring.ipc"],
        "shards": 2,
        "tenants": ["default", "acme"],
        "lease_ttl_ms": 5_000,
        "dedup_window": 7,
        "session_ttl_ms": 20_000,
        "key_ttl_ms": 30_000,
        "payload_bytes_max": 2_048,
        "batch_jobs_max": 9,
        "backlog_jobs_max": 10,
        "finished_jobs_max": 11,
        "finished_age_ms": 12_000,
        "queue_retention": [("mail", 13, 12_000)],
        "segment_bytes": 2_097_152,
        "truncate_every_ms": 1_500,
        "checkpoint_pages": 500,
        "wal_bytes_max": 8_388_608,
        "synchronous": "normal",
        "members": [],
        "is_joining": False,
        "member_endpoint": "",
        "heartbeat_ms": 50,
        "election_ms": 250,
        "check_quorum_ms": 3_000,
        "rebalance_ms": 60_000,
        "log_level": "debug",
        "log_format": "json",
        "log_names_node": False,
        "status_fd": None,
        "orders_fd": None,
    }


def test_an_executors_plan_holds_every_setting(settings: NodeSettings, tmp_path: Path) -> None:
    """Each setting must arrive, in the unit that the plan's field names."""
    plan = plan_executor(settings, settings.executors[0], "mail-2", "ipc://here", incarnation=5, replaces=(3, 4))
    assert dataclasses.asdict(plan) == {
        "node": "east",
        "name": "mail-2",
        "endpoints": ["ipc://here"],
        "tasks": ["shop.mail"],
        "import_paths": [str(tmp_path / "src")],
        "queues": ["mail"],
        "incarnation": 5,
        "replaces": [3, 4],
        "labels": ["disk=ssd", "gpu=a100"],
        "cluster": "",
        "process_slots": 3,
        "asyncio_slots": 4,
        "thread_slots": 6,
        "command_slots": 5,
        "commands": [["sync", ["rsync", "-a"], {"A": "b"}, "in", str(tmp_path / "data"), 9, [0, 24]]],
        "command_tasks": [["command.sync", "command", "night", [2, 1000, 2000, 600_000, 0], 60_000, -3]],
        "timeout_default_ms": 5_000,
        "kill_grace_ms": 600,
        "start_timeout_ms": 7_500,
        "drain_timeout_ms": 2_500,
        "recycle_jobs_max": 7,
        "recycle_rss_bytes_max": 8_388_608,
        "recycle_age_ms": 9_000,
        "log_level": "debug",
        "log_format": "json",
        "log_names_node": False,
        "log_jobs": "all",
        "status_fd": None,
        "orders_fd": None,
        "life_fd": None,
    }


def test_a_members_plan_names_the_cluster(tmp_path: Path) -> None:
    """The node must listen where its own row says, and all members of the file must be voters of the beginning."""
    (tmp_path / "node.toml").write_text(CLUSTER.replace("join = true", "") + OTHERS)
    plan = plan_coordinator(load(tmp_path / "node.toml", {}), "ipc://here")
    assert plan.endpoints == ["ipc://here", "tcp://10.0.0.2:7411", "ipc:///run/b.ipc"]
    assert plan.member_endpoint == "tcp://10.0.0.2:7421"
    assert plan.members == [
        ["b", "tcp://10.0.0.2:7421", "tcp://10.0.0.2:7411", 1],
        ["a", "tcp://10.0.0.1:7421", "tcp://10.0.0.1:7411", 1],
        ["c", "tcp://10.0.0.3:7421", "tcp://10.0.0.3:7411", 1],
    ]
    assert (plan.heartbeat_ms, plan.election_ms, plan.check_quorum_ms) == (60, 300, 4_000)
    assert (plan.rebalance_ms, plan.is_joining) == (7_000, False)
    assert plan.log_names_node, "the lines of members are read together"


def test_a_node_that_joins_says_so(tmp_path: Path) -> None:
    """Its own row is all that it knows before it is taken in."""
    (tmp_path / "node.toml").write_text(CLUSTER)
    plan = plan_coordinator(load(tmp_path / "node.toml", {}), "ipc://here")
    assert (plan.is_joining, [row[0] for row in plan.members]) == (True, ["b"])


def test_an_executor_of_a_member_works_for_all_of_them(tmp_path: Path) -> None:
    """Its own node comes first, by its socket alone: two ways to one coordinator would be two peers to it."""
    (tmp_path / "node.toml").write_text(CLUSTER.replace("join = true", "") + OTHERS)
    settings = load(tmp_path / "node.toml", {})
    plan = plan_executor(settings, settings.executors[0], "executor", "ipc://here", incarnation=1)
    assert plan.endpoints == ["ipc://here", "tcp://10.0.0.1:7411", "tcp://10.0.0.3:7411"]
    assert urls(settings, "ipc://here") == plan.endpoints


def test_an_executor_without_tasks_has_children_for_commands_alone(tmp_path: Path) -> None:
    """Where there are no modules, no child is started that could only import none."""
    (tmp_path / "node.toml").write_text('[[executor]]\n[commands.a]\nargv = ["true"]\n')
    settings = load(tmp_path / "node.toml", {})
    plan = plan_executor(settings, settings.executors[0], "executor", "ipc://here", incarnation=5)
    assert (plan.process_slots, plan.asyncio_slots, plan.command_slots) == (0, 0, 4)
    assert plan.commands == [["a", ["true"], {}, None, str(tmp_path), 65_536, [0]]]
    assert plan.command_tasks == [["command.a", "command", "default", [0, 1000, 2000, 600_000, 0], None, 0]]


def test_plans_survive_their_json(settings: NodeSettings) -> None:
    """A process must read what the supervisor wrote, on one line."""
    made = plan_coordinator(settings, "ipc://here")
    assert "\n" not in made.to_json()
    # JSON has no tuples; the rows of queue_retention come back as lists.
    assert CoordinatorPlan.from_json(made.to_json()).to_json() == made.to_json()
    executor = plan_executor(settings, settings.executors[0], "mail-1", "ipc://here", incarnation=1)
    assert ExecutorPlan.from_json(executor.to_json()) == executor


def test_an_executor_may_work_for_other_coordinators(settings: NodeSettings) -> None:
    """Where the file names coordinators, the node's own must not be among them."""
    plan = plan_executor(settings, settings.executors[1], "far", "ipc://here", incarnation=1)
    assert plan.endpoints == ["ipc:///run/other.ipc"]


def test_the_processes_of_a_node(settings: NodeSettings) -> None:
    """A process must be killed only after its own timeouts have had their time."""
    assert specs(settings) == [
        ProcessSpec("coordinator", Kind.COORDINATOR, 7_500),
        ProcessSpec("mail-1", Kind.EXECUTOR, 8_100, 12_500),
        ProcessSpec("mail-2", Kind.EXECUTOR, 8_100, 12_500),
        ProcessSpec("far", Kind.EXECUTOR, 8_500, 35_000),
    ]


def test_a_schedule_keeper_runs_where_a_file_is_named(settings: NodeSettings, tmp_path: Path) -> None:
    """The process must be there only then; its file is relative to the node's, and its node is the one here."""
    assert Kind.SCHEDULE_KEEPER not in {spec.kind for spec in specs(settings)}
    (tmp_path / "node.toml").write_text(f'[schedules]\nfile = "conf/schedules.toml"\n{FILE}')
    named = load(tmp_path / "node.toml", {})
    assert specs(named)[1] == ProcessSpec("schedule-keeper", Kind.SCHEDULE_KEEPER, 5_000)
    plan = plan_schedules(named, "ipc://here")
    assert dataclasses.asdict(plan) == {
        "node": "east",
        "file": str(tmp_path / "conf" / "schedules.toml"),
        "endpoints": ["ipc://here"],
        "log_level": "debug",
        "log_format": "json",
        "log_names_node": False,
        "status_fd": None,
        "orders_fd": None,
    }
    assert SchedulesPlan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("name", ["coordinator", "schedule-keeper", "supervisor"])
def test_an_executor_with_the_name_of_another_process_is_refused(tmp_path: Path, name: str) -> None:
    """Two processes of one name could not be told apart."""
    (tmp_path / "node.toml").write_text(f'[[executor]]\nname = "{name}"\ntasks = ["a"]')
    with pytest.raises(NodeError, match=r"an executor is named .* give it another name"):
        specs(load(tmp_path / "node.toml", {}))


def test_the_supervisors_own_settings(settings: NodeSettings) -> None:
    """The waits must arrive in milliseconds."""
    found = supervisor_settings(settings)
    assert (found.backoff_min_ms, found.backoff_max_ms, found.reset_ms) == (8, 9, 1_500)


def test_where_jobs_are_submitted(settings: NodeSettings) -> None:
    """With a coordinator it is that one; without, those of the executors, each once."""
    assert urls(settings, "ipc://here") == ["ipc://here"]
    none = settings.coordinator.model_copy(update={"enabled": False})
    far = settings.executors[1]
    without = settings.model_copy(update={"coordinator": none, "executors": (far, far)})
    assert urls(without, "ipc://here") == ["ipc:///run/other.ipc"]
