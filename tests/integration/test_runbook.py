"""docs/runbook.md, tried: what its sections show is provoked on a real node, and what they say to do is done.

What another test tries already is named in TRIED. `Operator` reads the page: a line or a command that is not on it
fails the test.
"""

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import zmq
from live_node import BOUND_S, LiveNode, wait_until
from runbook_page import SYMPTOMS, Section, sections, shows
from stored_node import spoil

import mainspring

HERE = Path(__file__).parent
PAGE = sections()
SHARD = "tasks_default_shard_0.db"
NODE = """\
[node]
name = "shop"
drain_timeout_s = 0.5

[coordinator]
backlog_jobs_max = 20
lease_ttl_ms = 2000

[metrics]
listen = "127.0.0.1:{port}"

[schedules]
file = "schedules.toml"

[[executor]]
name = "main"
tasks = ["shop"]
queues = ["default"]
process_slots = 2
kill_grace_ms = 300
"""
SCHEDULES = '[schedules.nightly]\ncron = "0 3 * * *"\ntask = "shop.add"\nargs = [1, 2]\n'


class Operator:
    """Somebody at three in the morning, who types what the page says."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        bin_folder = Path(sys.executable).parent
        self.environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "240"}
        self.environment.pop("MAINSPRING_URL", None)
        self.environment.pop("MAINSPRING_TASKS", None)

    def run(self, command: str, status: int = 0) -> str:
        """Types a command, which must end so; gives all that it prints."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BOUND_S,
        )  # fmt: skip
        assert done.returncode == status, f"$ {command}\n{done.returncode}\n{done.stdout}"
        return done.stdout

    def do(self, section: str, begins: str, status: int = 0, **words: object) -> str:
        """Types a command of a section, with words in the place of ID, NAME, PID, …."""
        found = [command for command in PAGE[section].commands if command.startswith(begins)]
        assert found, f"#{section} has no command that begins with {begins!r}"
        command = min(found, key=len)
        for word, value in words.items():
            assert re.search(rf"\b{word}\b", command), f"{command} has no {word}"
            command = re.sub(rf"\b{word}\b", str(value), command)
        return self.run(command, status)

    def submit(self, task: str, *words: object) -> str:
        """Submits a job; gives its id."""
        return self.run(" ".join(map(str, ("mainspring submit", f"shop.{task}", *words)))).strip()

    def state(self, job: str) -> str:
        """Gives the state of a job."""
        return json.loads(self.run(f"mainspring job {job} --json"))["state"]

    def becomes(self, job: str, state: str) -> None:
        """Waits until a job is in a state."""
        with mainspring.Client(f"ipc://{self.folder}/mainspring-data/coordinator.sock") as client:
            wait_until(lambda: client.job(int(job)).status() == state, f"job {job} to be {state}", 20)

    def scrape(self) -> str:
        """Reads the node's metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            return answer.read().decode()


def line(section: str, holds: str) -> str:
    """Returns the one line of a section that one sees and that holds these words."""
    (found,) = [seen for seen in PAGE[section].seen if holds in seen]
    return found


def saw(section: str, holds: str, printed: str) -> None:
    """Checks that a line of the page was printed as it stands there."""
    assert shows(line(section, holds), printed), f"{line(section, holds)}\nis not in\n{printed}"


def logged(node: LiveNode, section: str, holds: str) -> None:
    """Waits until a line of the page stands in the log."""
    expected = line(section, holds)
    wait_until(lambda: shows(expected, node.log()), f"{expected!r} in the log", 20)


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveNode, Operator]]:
    """One node for the whole file, and its operator."""
    folder = tmp_path_factory.mktemp("runbook")
    shutil.copy(HERE / "runbook_tasks.py", folder / "shop.py")
    port = free_port()
    (folder / "node.toml").write_text(NODE.format(port=port))
    (folder / "schedules.toml").write_text(SCHEDULES)
    live = LiveNode(folder, "", arguments=["node.toml"])
    live.start()
    with mainspring.Client(live.url) as client:
        assert client.submit(mainspring.job("shop.add", 1, 2)).result(BOUND_S) == 3
    yield live, Operator(folder, port)
    if live.process is not None and live.process.poll() is None:
        live.kill()


@pytest.fixture
def node(shop: tuple[LiveNode, Operator]) -> LiveNode:
    """The node, with the cause of everything not mended, and an executor."""
    live, _ = shop
    (live.folder / "mended").unlink(missing_ok=True)
    with mainspring.Client(live.url) as client:
        client.cancel([row["id"] for state in ("running", "ready") for row in client.query("jobs", state=state)])
        wait_until(lambda: [row["used"] for row in client.query("executors")] == [0], "an executor with free slots")
    return live


@pytest.fixture
def operator(shop: tuple[LiveNode, Operator]) -> Operator:
    """Its operator."""
    return shop[1]


@pytest.fixture
def elsewhere(operator: Operator, tmp_path: Path) -> Operator:
    """An operator in an empty folder, with the tasks beside it."""
    shutil.copy(HERE / "runbook_tasks.py", tmp_path / "shop.py")
    return Operator(tmp_path)


@pytest.fixture
def restored(node: LiveNode, operator: Operator, elsewhere: Operator) -> Operator:
    """An operator in a folder with a data directory that was restored from a backup of the node."""
    operator.run(f"mainspring shards backup {elsewhere.folder}/copy")
    elsewhere.run("mainspring shards restore copy mainspring-data")
    return elsewhere


# Nobody answers, nothing starts.


def test_what_to_type_first(node: LiveNode, operator: Operator) -> None:
    """Each of the first commands must show something of the node."""
    told = [operator.run(command) for command in PAGE[""].commands]
    for word, text in zip(("supervisor", "log index", "dead", "lease left"), told, strict=True):
        assert word in text


def test_nobody_answers(elsewhere: Operator) -> None:
    """A wrong folder, and a node that is not up, are told apart."""
    saw("nobody-answers", "no node found", elsewhere.run("mainspring queues", status=1))
    (elsewhere.folder / "mainspring-data").mkdir()
    saw("nobody-answers", "no node answers", elsewhere.run("mainspring queues", status=1))
    saw("nobody-answers", "no control.sock", elsewhere.do("nobody-answers", "mainspring processes", status=1))
    (elsewhere.folder / "node.toml").write_text("[node]\nnmae = 1\n")
    assert "nmae" in elsewhere.do("nobody-answers", "mainspring node", status=2)


def test_a_coordinator_that_was_stopped_answers_again(node: LiveNode, operator: Operator) -> None:
    """The supervisor says `ready`, nobody answers; `kill -CONT` mends it."""
    (coordinator,) = node.actors("processes.coordinator")
    coordinator.suspend()
    try:
        with mainspring.Client(node.url, timeout=0.5) as client, pytest.raises(mainspring.MainspringError):
            client.query("queues")
        assert "coordinator" in operator.do("nobody-answers", "mainspring processes")
        assert coordinator.status() == psutil.STATUS_STOPPED
    finally:
        operator.run(f"kill -CONT {coordinator.pid}")
    assert "default" in operator.run("mainspring queues")


NOTHING = "the-node-does-not-start"


def test_a_faulty_file_starts_nothing(elsewhere: Operator) -> None:
    """Each fault has its line; the exit status is that of wrong usage."""
    (elsewhere.folder / "node.toml").write_text('[node]\nnmae = "x"\ndrain_timeout_s = "soon"\n')
    printed = elsewhere.run("mainspring node node.toml", status=2)
    saw(NOTHING, "2 faults", printed)
    saw(NOTHING, "node.toml:3", printed)


def test_a_second_node_names_the_first(node: LiveNode, operator: Operator) -> None:
    """Its process is the one to look at."""
    printed = operator.run("mainspring node node.toml", status=1)
    saw(NOTHING, "another node uses it", printed)
    assert f"(process {node.supervisor().pid})" in printed


def test_a_port_that_is_taken_is_named(elsewhere: Operator) -> None:
    """Whoever listens there keeps it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f'listen = ["tcp://127.0.0.1:{taken.getsockname()[1]}"]\ninsecure = true\n'
        (elsewhere.folder / "node.toml").write_text(f"[node]\n{listen}")
        saw(NOTHING, "Address already in use", elsewhere.run("mainspring node node.toml", status=1))


def test_modules_that_do_not_import_are_named(elsewhere: Operator) -> None:
    """One that is not there, and one that breaks, are told apart."""
    saw(NOTHING, "is not found", elsewhere.run("mainspring up --tasks nix", status=1))
    (elsewhere.folder / "shop.py").write_text("import no_such_module\n")
    saw(NOTHING, "does not import", elsewhere.run("mainspring up --tasks shop", status=1))


def test_files_of_another_version_or_shape_are_named(restored: Operator) -> None:
    """The number of shards, a newer shard file, a newer identity; put right, the node starts."""
    data = restored.folder / "mainspring-data"
    (restored.folder / "node.toml").write_text("[coordinator]\nshards = 3\n")
    saw(NOTHING, "the settings say", restored.run("mainspring node node.toml", status=1))
    with sqlite3.connect(data / SHARD) as shard:
        (version,) = shard.execute("PRAGMA user_version").fetchone()
        shard.execute("PRAGMA user_version = 99")
    saw(NOTHING, "schema version", restored.run("mainspring up --tasks shop", status=1))
    with sqlite3.connect(data / SHARD) as shard:
        shard.execute(f"PRAGMA user_version = {version}")
    identity = (data / "identity.json").read_text()
    (data / "identity.json").write_text(identity.replace('"format": 1', '"format": 9'))
    saw(NOTHING, "has the format", restored.run("mainspring up --tasks shop", status=1))
    (data / "identity.json").write_text(identity)
    live = LiveNode(restored.folder, "shop")
    live.start()
    live.kill()


def test_a_damaged_shard_file_is_named(restored: Operator) -> None:
    """The rest of the recipe is tried where TRIED says."""
    path = restored.folder / "mainspring-data" / SHARD
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
        (root,) = shard.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'lanes'").fetchone()
    spoil(path, (root - 1) * 4096, 7)
    printed = restored.run("mainspring up --tasks shop", status=1)
    saw("a-bit-has-flipped", "is damaged", printed)
    assert shows("… is damaged (…", printed)
    assert path.name in restored.do("a-bit-has-flipped", "mainspring shards verify", status=1)


def test_a_process_that_dies_is_started_again(node: LiveNode, operator: Operator) -> None:
    """The log says how and when, the list counts it, and all is well afterwards."""
    section = "a-process-starts-again-and-again"
    (coordinator,) = node.actors("processes.coordinator")
    coordinator.kill()
    logged(node, section, "killed by signal 9")
    ready = re.compile(r"coordinator +coordinator +\d+ +ready")
    wait_until(lambda: ready.search(operator.do(section, "mainspring processes")) is not None, "it to be ready")
    assert "no damage found" in operator.do(section, "mainspring shards verify")
    operator.becomes(operator.submit("add", 1, 2), "succeeded")


# The disk.


@pytest.fixture
def small_disk(elsewhere: Operator) -> Iterator[Operator]:
    """An operator whose data directory is a small file system in memory."""
    data = elsewhere.folder / "mainspring-data"
    data.mkdir(mode=0o700)
    words = ["mount", "-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs", str(data)]
    if subprocess.run(words, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield elsewhere
    subprocess.run(["umount", "--lazy", str(data)], check=True)


def test_a_disk_is_full_and_then_read_only(small_disk: Operator) -> None:
    """It is named to whoever submits and in the log, the commands run, room is noticed; read-only stops a start."""
    section = "the-disk-is-full"
    live = LiveNode(small_disk.folder, "shop")
    live.start()
    try:
        filler = live.data_dir / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue
        with mainspring.Client(live.url) as client, pytest.raises(mainspring.DiskFull):
            for _ in range(2000):
                client.submit(mainspring.job("shop.add", 1, 2), key="x" * 200)
                client.submit(mainspring.job("shop.charge", 10**1000))
        saw(section, "has no room for new jobs", small_disk.run("mainspring submit shop.add 1 2", status=1))
        saw("submits-are-refused", "has no room for new jobs", small_disk.run("mainspring submit shop.add 1 2", 1))
        logged(live, section, "the disk is full")
        assert "tmpfs" in small_disk.do(section, "df")
        assert "filler" in small_disk.do(section, "du")
        filler.unlink()
        wait_until(lambda: shows(line(section, "room again"), live.log()), "the room to be noticed")
        assert small_disk.run("mainspring submit shop.add 1 2 --wait 20").endswith("3\n")
    finally:
        live.kill()
    remounted = subprocess.run(["mount", "-o", "remount,ro", str(live.data_dir)], capture_output=True)
    if remounted.returncode != 0:
        pytest.skip("a file system cannot be made read-only here")
    printed = small_disk.run("mainspring up --tasks shop", status=1)
    saw("the-disk-is-read-only-or-fails", "Read-only", printed)
    saw(NOTHING, "cannot be written to", printed)
    assert "no damage found" in small_disk.do("the-disk-is-read-only-or-fails", "mainspring shards verify")


def test_a_slow_disk_can_be_measured(operator: Operator, node: LiveNode) -> None:
    """The metric of the alert is there, and the bench says what an fsync costs."""
    assert "scheduler_log_sync_seconds_bucket" in operator.scrape()
    assert "fsync" in operator.do("the-disk-is-slow", "mainspring bench")


def test_rows_fall_behind_while_somebody_holds_a_lock(node: LiveNode, operator: Operator) -> None:
    """The process is named; killed, it lets the rows follow."""
    section = "rows-fall-behind"

    def figures() -> tuple[int, int]:
        (row,) = json.loads(operator.run("mainspring shards stat --json"))
        return row["applied"], row["log_index"]

    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE')"
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}; print('held', flush=True); sys.stdin.read()", str(node.data_dir / SHARD)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as shell:  # fmt: skip
        assert shell.stdout is not None
        assert shell.stdout.readline() == "held\n"
        assert operator.run("mainspring submit shop.add 1 2 --wait 20").endswith("3\n"), "jobs run on"
        logged(node, section, "held by another process")
        assert f"users={shell.pid} (" in node.log()
        applied, last = figures()
        assert applied < last
        assert "applied" in operator.do(section, "mainspring shards stat")
        operator.do(section, "kill", PID=shell.pid)
    wait_until(lambda: figures()[0] == figures()[1], "the rows to follow")
    wait_until(lambda: "shard file free again after_ms=" in node.log(), "the log to say so")


# Jobs wait, or are refused.

WAIT = "jobs-wait"


def test_a_job_waits_for_a_queue_that_nobody_serves(node: LiveNode, operator: Operator) -> None:
    """The job names its queue, the executors theirs."""
    job = operator.submit("add", 1, 2, "--queue", "reports")
    assert re.search(r"^queue +reports$", operator.do(WAIT, "mainspring job", ID=job), re.MULTILINE)
    assert "reports" in operator.do(WAIT, "mainspring queues")
    told = operator.do(WAIT, "mainspring executors")
    assert "default" in told
    assert "reports" not in told
    assert "main" in operator.do(WAIT, "mainspring processes")
    assert "will not run" in operator.run(f"mainspring cancel {job}")


def test_a_job_waits_for_a_slot(node: LiveNode, operator: Operator) -> None:
    """What takes the slots is listed; cancelled, it makes room."""
    hanging = [operator.submit("hangs") for _ in range(2)]
    for job in hanging:
        operator.becomes(job, "running")
    waiting = operator.submit("add", 1, 2)
    assert operator.state(waiting) == "ready"

    def listed() -> set[str]:
        return {row["job"] for row in json.loads(operator.run("mainspring jobs --state running --json"))}

    wait_until(lambda: listed() == set(hanging), "both to be listed: a lease has a row after a second")
    operator.run(f"mainspring cancel --wait {' '.join(hanging)}")
    operator.becomes(waiting, "succeeded")


def test_a_job_waits_for_its_time_or_its_next_attempt(node: LiveNode, operator: Operator) -> None:
    """A retry by hand runs it now."""
    delayed, failed = operator.submit("add", 1, 2, "--delay", "1h"), operator.submit("later", 7)
    operator.becomes(failed, "retrying")
    for job, state in ((delayed, "scheduled"), (failed, "retrying")):
        assert re.search(rf"^state +{state}$", operator.do(WAIT, "mainspring job", ID=job), re.MULTILINE)
    (node.folder / "mended").touch()
    assert "runs" in operator.run(f"mainspring retry {delayed} {failed}")
    operator.becomes(delayed, "succeeded")
    operator.becomes(failed, "succeeded")


def test_a_schedule_waits_because_it_is_paused_or_its_file_has_faults(node: LiveNode, operator: Operator) -> None:
    """Each is said by the command that the page names, and each is mended."""
    operator.run("mainspring schedules pause nightly")
    assert "paused" in operator.run("mainspring schedules show nightly")
    operator.run("mainspring schedules ticks nightly")
    assert "resumed" in operator.run("mainspring schedules resume nightly")
    (node.folder / "schedules.toml").write_text(SCHEDULES.replace("0 3", "0 33"))
    logged(node, WAIT, "has faults, so nothing is changed")
    assert "33" in operator.run("mainspring schedules lint schedules.toml", status=1)
    (node.folder / "schedules.toml").write_text(SCHEDULES)
    assert "nightly" in operator.run("mainspring schedules")
    job = operator.do("the-clock-was-set", "mainspring schedules run", NAME="nightly").strip()
    operator.becomes(job, "succeeded")
    wait_until(
        lambda: "manual" in operator.do("the-clock-was-set", "mainspring schedules ticks", NAME="nightly"), "its tick"
    )


def test_refused_submits_say_why(node: LiveNode, operator: Operator) -> None:
    """A full queue, a task and a tenant that nobody knows; with room, it is taken."""
    section = "submits-are-refused"
    with mainspring.Client(node.url) as client:
        taken = client.submit_many([mainspring.job("shop.add", 1, 2) for _ in range(20)], delay=3600)
        with pytest.raises(mainspring.QueueFull):
            client.submit(mainspring.job("shop.add", 1, 2))
    saw(section, "at most", operator.run("mainspring submit shop.add 1 2", status=1))
    operator.run(f"mainspring cancel {' '.join(str(job.id) for job in taken)}")
    saw(section, "task '", operator.run("mainspring submit shop.nix", status=1))
    saw(section, "tenant '", operator.run("mainspring submit shop.add 1 2 --tenant nix", status=1))
    operator.becomes(operator.submit("add", 1, 2), "succeeded")


# Jobs that misbehave.


def test_a_poison_job_is_found_and_retried(node: LiveNode, operator: Operator) -> None:
    """Its signal, its budget and its last words are shown; mended, it succeeds."""
    section = "attempts-crash"
    job = operator.submit("poison")
    operator.becomes(job, "dead")
    logged(node, section, "attempt crashed")
    told = operator.do(section, "mainspring job", ID=job)
    saw(section, "SIGSEGV", told)
    saw(section, "crash budget", told)
    assert "last words" in told
    assert "had ended already" in operator.do(section, "mainspring cancel", ID=job)
    (node.folder / "mended").touch()
    assert "runs again" in operator.do(section, "mainspring retry", ID=job)
    operator.becomes(job, "succeeded")
    assert job not in operator.run("mainspring dead --error-kind crash_budget --json")
    assert "task_failures_total" in operator.scrape()


def test_jobs_that_run_too_long_are_found_and_ended(node: LiveNode, operator: Operator) -> None:
    """One that ignores its timeout is killed; one without stands in v_leases, and is cancelled."""
    section = "jobs-run-too-long"
    deaf = operator.submit("deaf")
    operator.becomes(deaf, "dead")
    logged(node, section, "attempt timed out")
    saw(section, "did not stop within", operator.run(f"mainspring job {deaf}"))
    hanging = operator.submit("hangs")
    wait_until(lambda: "shop.hangs" in operator.do(section, "mainspring shards query"), "the lease to have a row")
    assert "was running, and has been stopped" in operator.do(section, "mainspring cancel", ID=hanging)


def test_a_loop_that_is_stuck_is_named_and_freed(node: LiveNode, operator: Operator) -> None:
    """The log names the job and shows the line; when it is gone, others run."""
    section = "a-loop-or-a-thread-is-stuck"
    job = operator.submit("blocks")
    logged(node, section, "blocks its event loop")
    assert "time.sleep(600)" in node.log()
    assert "has been stopped" in operator.do(section, "mainspring cancel", ID=job)
    assert operator.run("mainspring submit shop.turns --wait 20").endswith('"turned"\n')


def test_dead_letters_are_cleared(node: LiveNode, operator: Operator) -> None:
    """Looked at in groups, one is retried, the others are repaired."""
    section = "dead-letters-pile-up"
    saw(section, "is dead after", operator.run("mainspring submit shop.charge 1 --wait 20", status=1))
    first, second = operator.submit("charge", 2), operator.submit("charge", 3)
    operator.becomes(first, "dead")
    operator.becomes(second, "dead")
    assert "payments.example" in operator.do(section, "mainspring dead --group")
    assert "ConnectionError" in operator.do(section, "mainspring job", ID=first)
    (node.folder / "mended").touch()
    assert "runs again" in operator.do(section, "mainspring retry", ID=first)
    operator.becomes(first, "succeeded")
    assert "retry" in operator.do(section, "mainspring repair")
    assert operator.state(second) == "dead", "a dry run changes nothing"
    assert "retried" in operator.do(section, "mainspring repair --failed-after 2h --strategy")
    operator.becomes(second, "succeeded")
    assert "shop.charge" not in operator.run("mainspring dead")


def test_a_job_is_not_lost(node: LiveNode, operator: Operator) -> None:
    """By id, argument and key; and an id that nobody has is said to be none."""
    section = "is-a-job-lost"
    job = operator.submit("add", 17, 2, "--key", "order-17")
    operator.becomes(job, "succeeded")
    by_argument, by_key, attempts = [one for one in PAGE[section].commands if "shards query" in one]
    assert job == operator.submit("add", 17, 2, "--key", "order-17"), "the same key gives the same job"
    wait_until(lambda: f"{job} " in operator.run(by_argument), "the row")
    assert "succeeded" in operator.run(by_key)
    assert "succeeded" in operator.run(re.sub(r"\bID\b", job, attempts))
    assert "succeeded" in operator.do(section, "mainspring job", ID=job)
    saw(section, "NOT FOUND", operator.do(section, "mainspring job", status=1, ID=999_999))


# Deploys, peers, processes.


def test_a_deploy_and_one_that_fails(node: LiveNode, operator: Operator) -> None:
    """Broken code is named and costs nobody but its executor; mended code comes up."""
    code = (node.folder / "shop.py").read_text()
    assert re.search(r"^reloaded 1 executor in ", operator.do("a-deploy", "mainspring reload"), re.MULTILINE)
    (node.folder / "shop.py").write_text("import no_such_module\n")
    try:
        saw("a-deploy-fails", "the reload ended at main", operator.do("a-deploy-fails", "mainspring reload", status=1))
        assert "no_such_module" in operator.do("a-deploy-fails", "mainspring processes")
    finally:
        (node.folder / "shop.py").write_text(code)
    assert "reloaded 1 executor" in operator.do("a-deploy-fails", "mainspring reload")


def test_an_executor_of_another_cluster_is_refused(elsewhere: Operator) -> None:
    """A data directory that was changed under an executor is noticed; a reload has it forget the old one."""
    section = "wrong-cluster"
    first = LiveNode(elsewhere.folder, "", arguments=["node.toml"])
    (elsewhere.folder / "node.toml").write_text("")
    first.start()
    far = LiveNode(elsewhere.folder / "far", "", arguments=["node.toml"])
    far.folder.mkdir()
    shutil.copy(HERE / "runbook_tasks.py", far.folder / "shop.py")
    (far.folder / "node.toml").write_text(
        f'[coordinator]\nenabled = false\n[[executor]]\nname = "far"\ntasks = ["shop"]\ncoordinators = ["{first.url}"]\n'
    )
    far.start()
    try:
        wait_until(lambda: "far" in elsewhere.run("mainspring executors"), "the executor to be welcome")
        assert first.stop() == 0
        first.data_dir.rename(elsewhere.folder / "old")
        first.start()
        logged(far, section, "wrong_cluster")
        assert "cluster" in elsewhere.do(section, "cat")
        assert "live jobs" in elsewhere.do(section, "mainspring shards stat")
        Operator(far.folder).run("mainspring reload node.toml")
        wait_until(lambda: "far" in elsewhere.run("mainspring executors"), "the executor to be welcome again")
    finally:
        far.kill()
        first.kill()


def test_a_peer_that_speaks_nonsense_is_counted(node: LiveNode, operator: Operator) -> None:
    """In the log and in the metrics."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(node.url)
        dealer.send(b"\xc1 nonsense")
        logged(node, "a-peer-floods", "frames refused")
    assert 'scheduler_frames_refused_total{kind="unreadable"' in operator.scrape()


def test_a_silent_executor_loses_its_leases_and_comes_back(node: LiveNode, operator: Operator) -> None:
    """Nobody is listed while it is stopped; its job goes back, and runs again when it is there."""
    section = "an-executor-is-silent"
    job = operator.submit("hangs")
    operator.becomes(job, "running")
    (executor,) = node.actors("processes.executor")
    executor.suspend()
    try:
        expected = line(section, "no executor is connected")
        wait_until(lambda: shows(expected, operator.do(section, "mainspring executors")), "its lease to be over")
        saw(WAIT, "no executor is connected", operator.do(section, "mainspring executors"))
        assert "main" in operator.do(section, "mainspring processes")
    finally:
        operator.run(f"kill -CONT {executor.pid}")
    logged(node, section, "leases are over")
    wait_until(lambda: "lease left" in operator.do(section, "mainspring executors"), "it to be back")
    operator.becomes(job, "running")
    wait_until(
        lambda: re.search(r"\b(lost|returned)\b", operator.run(f"mainspring job {job}")) is not None, "the attempt"
    )
    operator.run(f"mainspring cancel --wait {job}")


def test_a_backup_is_restored_and_a_node_moved(
    node: LiveNode, operator: Operator, elsewhere: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands as they stand, on paths of this test; what runs on the result is tried where TRIED says."""
    paths = {"/backups/newest": "copy", "/backups/before-upgrade": f"{elsewhere.folder}/copy", "/new/place": "place"}

    def typed(section: str, begins: str) -> str:
        (command,) = [one for one in PAGE[section].commands if one.startswith(begins)]
        for path, here in paths.items():
            command = command.replace(path, here)
        return (operator if section == "upgrade" else elsewhere).run(command)

    typed("upgrade", "mainspring shards backup")
    assert "no damage found" in typed("restore-a-backup", "mainspring shards verify")
    assert "restored to mainspring-data" in typed("restore-a-backup", "mainspring shards restore")
    (elsewhere.folder / "place").mkdir()
    typed("move-a-node", "cp -a")
    assert "no damage found" in typed("move-a-node", "mainspring shards verify")
    assert mainspring.__version__ in operator.run("mainspring --version")


def test_the_log_says_more_and_less(node: LiveNode, operator: Operator) -> None:
    """For all, for one, and back."""
    commands = PAGE["the-log-says-too-little"].commands
    assert [operator.run(command).split(":")[0] for command in commands] == [
        "log level debug",
        "log level debug",
        "log level info",
    ]
    wait_until(lambda: "coordinator logs from level info on" in node.log(), "the log to say so")
    assert "logs from level debug on" in node.log()


def test_metrics_are_there_and_the_exporter_is_listed(node: LiveNode, operator: Operator) -> None:
    """Without a coordinator, up is 0: tried where TRIED says."""
    section = "metrics-are-missing"
    assert "exporter" in operator.do(section, "mainspring processes")
    assert f"scheduler_up {1.0}" in operator.scrape()
    assert f"`scheduler_up {1.0}`" in PAGE[section].text


def test_memory_is_bounded_by_what_the_page_writes(elsewhere: Operator) -> None:
    """The lines for the node's file are valid; what they do is tried where TRIED says."""
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE["memory-grows"].text, re.DOTALL)
    (elsewhere.folder / "node.toml").write_text(block + 'tasks = ["nix"]\n')
    saw(NOTHING, "is not found", elsewhere.run("mainspring node node.toml", status=1))
