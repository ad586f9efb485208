"""What the supervisor does, as tables: at which millisecond comes which event, and which acts follow."""

import pytest
from supervisor_bench import SPECS, Bench

from mainspring.actors.draws import Draws
from mainspring.actors.events import Wake
from mainspring.actors.machine import Now
from mainspring.actors.supervisor.acts import Start
from mainspring.actors.supervisor.machine import SupervisorMachine
from mainspring.actors.supervisor.settings import REPLACES_MAX, Kind, ProcessSpec, SupervisorSettings

UP = """
    0 wake -> start c, start e1, start e2
    5 ready e1 -> info: e1 ready
    6 ready c -> info: c ready
    7 ready e2 -> info: e2 ready, all ready
"""
STOPS = "info: stops: running jobs may finish; a second signal kills them"
FAILED = "failed at its first start:"

SCENARIOS = {
    "the node is ready once, when the last process is": """
        0 wake -> start c, start e1, start e2
        1 wake early ->
        5 ready e1 -> info: e1 ready
        5 ready e1 ->
        6 ready c -> info: c ready
        7 ready e2 -> info: e2 ready, all ready
        8 exited c -> error: c exited with status 1; starts again in 0.1 s
        108 wake -> start c
        120 ready c -> info: c ready
    """,
    "the wait doubles up to its longest, and begins anew after a long life": f"""
        {UP}
        1000 exited c killed -> error: c killed; starts again in 0.1 s
        1099 wake early ->
        1100 wake -> start c
        1100 exited c killed -> error: c killed; starts again in 0.2 s
        1300 wake -> start c
        1300 exited c killed -> error: c killed; starts again in 0.35 s
        1650 wake -> start c
        1660 ready c -> info: c ready
        11649 exited c killed -> error: c killed; starts again in 0.35 s
        11999 wake -> start c
        21999 exited c killed -> error: c killed; starts again in 0.1 s
    """,
    "an executor waits for the proof that its children are dead": f"""
        {UP}
        1000 exited e1 killed -> error: e1 killed; starts again in 0.1 s
        1100 wake early ->
        1200 dead e1 1 -> start e1 replacing 1
        1300 dead e1 2 ->
        1301 exited e1 killed -> error: e1 killed; starts again in 0.2 s
        1501 wake -> start e1 replacing 1 2
    """,
    "without the proof it starts in the end, and names the life once the proof is there": f"""
        {UP}
        1000 exited e1 killed -> error: e1 killed; starts again in 0.1 s
        1500 wake -> warning: e1 its children are not proven dead; their leases must run out, start e1
        2000 exited e1 killed -> error: e1 killed; starts again in 0.2 s
        2001 dead e1 2 ->
        2002 dead e1 1 ->
        2200 wake -> start e1 replacing 2 1
    """,
    "executors stop first, then the coordinator": f"""
        {UP}
        1000 stop -> {STOPS}, terminate e1, terminate e2
        1100 exited e2 over -> info: e2 over
        1110 dead e2 1 ->
        1200 dead e1 1 ->
        1201 exited e1 over -> info: e1 over, terminate c
        1300 exited c over -> info: c over, exit 0
        1301 stop ->
    """,
    "a stop in which something had to be killed is told by the status": f"""
        {UP}
        1000 stop -> {STOPS}, terminate e1, terminate e2
        2000 wake -> warning: e1 has not stopped in time; killed, kill e1, \
warning: e2 has not stopped in time; killed, kill e2
        2001 exited e1 killed -> info: e1 killed
        2001 exited e2 killed -> info: e2 killed
        2002 dead e1 1 ->
        2002 dead e2 1 -> terminate c
        2003 exited c over -> info: c over, exit 1
    """,
    "what does not stop in time is killed, and what does not die is left behind": f"""
        {UP}
        1000 stop -> {STOPS}, terminate e1, terminate e2
        1001 exited e2 over -> info: e2 over
        1001 dead e2 1 ->
        2000 wake -> warning: e1 has not stopped in time; killed, kill e1
        2001 exited e1 killed -> info: e1 killed
        2501 wake -> warning: e1 its children are not proven dead; their leases must run out, terminate c
        4501 wake -> warning: c has not stopped in time; killed, kill c
        5001 wake -> error: c does not die, although it was killed; left behind, exit 1
    """,
    "a second stop kills everything": f"""
        {UP}
        1000 stop -> {STOPS}, terminate e1, terminate e2
        1100 stop -> warning: stops at once, kill c, kill e1, kill e2
        1101 stop ->
        1102 exited c killed -> info: c killed
        1103 exited e1 killed -> info: e1 killed
        1104 dead e1 1 ->
        1105 exited e2 killed -> info: e2 killed
        1106 dead e2 1 -> exit 1
    """,
    "a stop while a process waits to start again does not start it": f"""
        {UP}
        1000 exited c killed -> error: c killed; starts again in 0.1 s
        1000 exited e1 killed -> error: e1 killed; starts again in 0.1 s
        1001 stop -> {STOPS}, terminate e2
        1002 dead e1 1 ->
        1003 exited e2 over -> info: e2 over
        1004 dead e2 1 -> exit 0
    """,
    "a stop before anything is ready": f"""
        0 wake -> start c, start e1, start e2
        1 stop -> {STOPS}, terminate e1, terminate e2
        2 ready e1 ->
        3 exited e1 over -> info: e1 over
        3 exited e2 over -> info: e2 over
        4 dead e1 1 ->
        4 dead e2 1 -> terminate c
        5 exited c over -> info: c over, exit 0
    """,
    "a failure at the first start stops the node, and is told once": f"""
        0 wake -> start c, start e1, start e2
        1 ready c -> info: c ready
        2 failed e1 no module named shop ->
        3 exited e1 -> error: e1 {FAILED} no module named shop, terminate e2
        4 failed e2 no module named shop ->
        5 exited e2 -> info: e2 exited with status 1
        6 dead e2 1 ->
        7 dead e1 1 -> terminate c
        8 exited c over -> info: c over, exit 1
    """,
    "another failure while the node gives up is told too": f"""
        0 wake -> start c, start e1, start e2
        3 exited e1 -> error: e1 {FAILED} exited with status 1, terminate e2
        4 failed e2 no module named shop ->
        5 exited e2 -> error: e2 no module named shop
        6 dead e2 1 ->
        7 dead e1 1 -> terminate c
        8 exited c over -> info: c over, exit 1
    """,
    "a process that says it failed, and hangs, is killed": f"""
        {UP}
        1000 failed e1 no memory ->
        1500 wake -> warning: e1 has not stopped in time; killed, kill e1
        1501 exited e1 killed -> error: e1 no memory; starts again in 0.1 s
        1502 dead e1 1 ->
        1601 wake -> start e1 replacing 1
        1700 exited e1 killed -> error: e1 killed; starts again in 0.2 s
    """,
    "one process that was never ready may stop the node later": f"""
        0 wake -> start c, start e1, start e2
        1 ready c -> info: c ready
        2 ready e1 -> info: e1 ready
        500 exited c -> error: c exited with status 1; starts again in 0.1 s
        600 wake -> start c
        60000 exited e2 -> error: e2 {FAILED} exited with status 1, terminate e1
    """,
    "a first signal while the node gives up kills nothing, a second does": f"""
        0 wake -> start c, start e1, start e2
        3 exited e1 -> error: e1 {FAILED} exited with status 1, terminate e2
        4 stop -> {STOPS}
        5 stop -> warning: stops at once, kill c, kill e2
    """,
    "a process that cannot be killed stops the node rather than run beside its successor": f"""
        {UP}
        1000 failed e1 no memory ->
        1500 wake -> warning: e1 has not stopped in time; killed, kill e1
        2000 wake -> error: e1 does not die, although it was killed; left behind, terminate e2
        2001 exited e1 killed at last ->
        2002 exited e2 over -> info: e2 over
        2003 dead e2 1 -> terminate c
        2004 exited c over -> info: c over, exit 1
    """,
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
def test_scenario(scenario: str) -> None:
    """Each event must be followed by exactly these acts."""
    Bench().play(scenario)


def test_a_node_of_a_coordinator_alone() -> None:
    """Without executors the coordinator must be asked to stop at once."""
    Bench([ProcessSpec("c", Kind.COORDINATOR, 1_000)]).play(f"""
        0 wake -> start c
        1 ready c -> info: c ready, all ready
        2 stop -> {STOPS}, terminate c
        3 exited c over -> info: c over, exit 0
    """)


KEEPER = [*SPECS, ProcessSpec("s", Kind.SCHEDULE_KEEPER, 500)]


def test_a_schedule_keeper_stops_first() -> None:
    """A node that stops must take no new definitions; and no children of the keeper are to be proven dead."""
    Bench(KEEPER).play(f"""
        0 wake -> start c, start e1, start e2, start s
        7 ready e1 -> info: e1 ready
        7 ready e2 -> info: e2 ready
        7 ready c -> info: c ready
        8 ready s -> info: s ready, all ready
        9 exited s killed -> error: s killed; starts again in 0.1 s
        109 wake -> start s
        110 ready s -> info: s ready
        1000 stop -> {STOPS}, terminate s
        1001 exited s over -> info: s over, terminate e1, terminate e2
        1002 exited e1 over -> info: e1 over
        1002 dead e1 1 ->
        1003 exited e2 over -> info: e2 over
        1003 dead e2 1 -> terminate c
        1004 exited c over -> info: c over, exit 0
    """)


def test_the_list_of_dead_lives_is_bounded() -> None:
    """However often an executor starts, a start must list the youngest lives only."""
    bench = Bench([ProcessSpec("e", Kind.EXECUTOR, 1_000)])
    ms = 0
    bench.play("0 wake -> start e\n0 ready e -> info: e ready, all ready")
    for life in range(1, REPLACES_MAX + 10):
        for words in ("exited e", f"dead e {life}"):
            bench.handle(ms, bench.event(words))
        ms += 1_000
        (start,) = bench.handle(ms, Wake())
        assert isinstance(start, Start)
        assert list(start.replaces) == bench.lives["e"][:-1][-REPLACES_MAX:]


@pytest.mark.parametrize(("failures", "wait_ms"), [(1, 100), (2, 200), (3, 400), (9, 25_600), (10, 30_000)])
def test_waits_double(failures: int, wait_ms: int) -> None:
    """The wait must follow the settings, and never leave their bounds."""
    assert SupervisorSettings().backoff_ms(failures) == wait_ms


def test_waits_are_total() -> None:
    """No number of failures may make the wait overflow."""
    assert SupervisorSettings().backoff_ms(10**9) == 30_000


def test_lives_are_drawn_from_the_seed() -> None:
    """The same seed must give the same lives, within 63 bits, and another seed others."""
    lives: list[list[int]] = []
    for seed in (1, 1, 2):
        machine = SupervisorMachine(SupervisorSettings(), [ProcessSpec("e", Kind.EXECUTOR, 1)], Draws(seed), Now(0, 0))
        acts = machine.handle(Wake(), Now(0, 0)).acts
        lives.append([act.incarnation for act in acts])
    assert lives[0] == lives[1] != lives[2]
    assert all(0 < life[0] < 2**63 for life in lives)


def test_the_snapshot_tells_the_phases() -> None:
    """Whoever looks must see where each process is."""
    bench = Bench()
    bench.play(UP)
    bench.play("10 exited e1 killed -> error: e1 killed; starts again in 0.1 s")
    assert bench.machine.snapshot() == {
        "processes": {"c": "ready", "e1": "lingering", "e2": "ready"},
        "stopping": False,
        "status": 0,
    }


def test_each_process_is_told_with_its_times_restarts_and_error() -> None:
    """Whoever looks must see since when a process is where it is, how often it came back and why it went."""
    bench = Bench()
    bench.play(UP)
    assert bench.machine.phase == "ready"
    bench.play("10 exited e1 killed -> error: e1 killed; starts again in 0.1 s\n12 dead e1 1 ->")
    e1 = next(state for state in bench.machine.processes() if state.name == "e1")
    assert e1 == ("e1", Kind.EXECUTOR, "waiting", 12_000_000, 0, "killed")
    bench.play("110 wake -> start e1 replacing 1\n120 ready e1 -> info: e1 ready")
    assert [(state.name, state.since_ns, state.restarts, state.error) for state in bench.machine.processes()] == [
        ("c", 6_000_000, 0, ""),
        ("e1", 120_000_000, 1, ""),
        ("e2", 7_000_000, 0, ""),
    ]
