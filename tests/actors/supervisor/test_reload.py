"""What a reload does, as tables: which executor is restarted when, and what ends it."""

import pytest
from supervisor_bench import SPECS, Bench

from mainspring.actors.supervisor.settings import Kind, ProcessSpec

UP = """
    0 wake -> start c, start e1, start e2
    5 ready e1 -> info: e1 ready
    6 ready c -> info: c ready
    7 ready e2 -> info: e2 ready, all ready
"""
E1_RESTARTS = """
    100 reload 4 -> tell 4 restarting e1, terminate e1
    200 exited e1 over -> info: e1 over; starts again on new code
    201 dead e1 1 -> start e1 replacing 1
"""
STOPS = "info: stops: running jobs may finish; a second signal kills them"

SCENARIOS = {
    "one executor after the other, and the coordinator stays": f"""
        {UP}
        {E1_RESTARTS}
        300 ready e1 -> info: e1 ready, tell 4 ready e1, tell 4 restarting e2, terminate e2
        400 dead e2 1 ->
        401 exited e2 over -> info: e2 over; starts again on new code, start e2 replacing 1
        500 ready e2 -> info: e2 ready, tell 4 ready e2, tell 4 reloaded with e1 e2
        600 reload 5 -> tell 5 restarting e1, terminate e1
    """,
    "it ends at the executor that does not come up, which goes on trying": f"""
        {UP}
        {E1_RESTARTS}
        210 failed e1 no module named shop ->
        220 exited e1 -> error: e1 no module named shop; starts again in 0.1 s, \
error: e1 does not come up on new code, so the reload ends here; on the code that they had: e2, \
tell 4 failed e1: no module named shop
        221 dead e1 2 ->
        320 wake -> start e1 replacing 1 2
        321 exited e1 killed -> error: e1 killed; starts again in 0.2 s
    """,
    "it ends at the last executor that does not come up, and says which run on new code": f"""
        {UP}
        {E1_RESTARTS}
        300 ready e1 -> info: e1 ready, tell 4 ready e1, tell 4 restarting e2, terminate e2
        400 dead e2 1 ->
        401 exited e2 over -> info: e2 over; starts again on new code, start e2 replacing 1
        402 exited e2 -> error: e2 exited with status 1; starts again in 0.1 s, \
error: e2 does not come up on new code, so the reload ends here, tell 4 failed e2: exited with status 1 with e1
    """,
    "it ends at an executor that is not ready in time, and leaves it its time": f"""
        {UP}
        {E1_RESTARTS}
        3201 wake -> error: e1 does not come up on new code, so the reload ends here; on the code that they had: e2, \
tell 4 failed e1: was not ready within 3 s
        3300 ready e1 -> info: e1 ready
    """,
    "an executor that has failed starts at once: new code may be what it needs": f"""
        {UP}
        10 exited e1 -> error: e1 exited with status 1; starts again in 0.1 s
        11 dead e1 1 ->
        12 reload 4 -> tell 4 restarting e1, start e1 replacing 1
        20 ready e1 -> info: e1 ready, tell 4 ready e1, tell 4 restarting e2, terminate e2
    """,
    "an executor whose children are not dead waits for that alone": f"""
        {UP}
        10 exited e1 -> error: e1 exited with status 1; starts again in 0.1 s
        12 reload 4 -> tell 4 restarting e1
        13 dead e1 1 -> start e1 replacing 1
    """,
    "an executor that is about to end starts again on new code": f"""
        {UP}
        10 failed e1 no memory ->
        12 reload 4 -> tell 4 restarting e1
        13 exited e1 over -> info: e1 over; starts again on new code
        14 dead e1 1 -> start e1 replacing 1
    """,
    "an executor that does not drain in time is killed": f"""
        {UP}
        100 reload 4 -> tell 4 restarting e1, terminate e1
        1100 wake -> warning: e1 has not stopped in time; killed, kill e1
        1101 exited e1 killed -> info: e1 killed; starts again on new code
        1102 dead e1 1 -> start e1 replacing 1
    """,
    "another that is asked for meanwhile is refused": f"""
        {UP}
        {E1_RESTARTS}
        202 reload 5 -> tell 5 under_way: a reload is under way, at e1: ask again when it is over
        300 ready e1 -> info: e1 ready, tell 4 ready e1, tell 4 restarting e2, terminate e2
    """,
    "a signal meanwhile has it done again, for files may have changed": f"""
        {UP}
        {E1_RESTARTS}
        202 hangup ->
        203 hangup ->
        220 exited e1 -> error: e1 exited with status 1; starts again in 0.1 s, \
error: e1 does not come up on new code, so the reload ends here; on the code that they had: e2, \
tell 4 failed e1: exited with status 1, tell 0 restarting e1
        221 dead e1 2 -> start e1 replacing 1 2
        300 ready e1 -> info: e1 ready, tell 0 ready e1, tell 0 restarting e2, terminate e2
        400 dead e2 1 ->
        401 exited e2 over -> info: e2 over; starts again on new code, start e2 replacing 1
        500 ready e2 -> info: e2 ready, tell 0 ready e2, tell 0 reloaded with e1 e2
    """,
    "a stop wins": f"""
        {UP}
        {E1_RESTARTS}
        202 hangup ->
        210 stop -> {STOPS}, tell 4 stopping: the node stops, terminate e1, terminate e2
        211 reload 5 -> tell 5 stopping: the node stops: start it again instead
        212 hangup -> tell 0 stopping: the node stops: start it again instead
        220 exited e1 over -> info: e1 over
        220 exited e2 over -> info: e2 over
        221 dead e1 2 ->
        221 dead e2 1 -> terminate c
        230 exited c over -> info: c over, exit 0
    """,
    "a stop while an executor drains for a reload does not start it again": f"""
        {UP}
        100 reload 4 -> tell 4 restarting e1, terminate e1
        110 stop -> {STOPS}, tell 4 stopping: the node stops, terminate e2
        120 exited e1 over -> info: e1 over
        121 dead e1 1 ->
        130 exited e2 over -> info: e2 over
        131 dead e2 1 -> terminate c
        140 exited c over -> info: c over, exit 0
    """,
    "one that was never ready restarts too, and its end is no failure": """
        0 wake -> start c, start e1, start e2
        1 reload 4 -> tell 4 restarting e1, terminate e1
        2 exited e1 killed -> info: e1 killed; starts again on new code
        3 dead e1 1 -> start e1 replacing 1
        4 exited e1 -> error: e1 failed at its first start: exited with status 1, \
tell 4 stopping: the node stops: failed at its first start: exited with status 1, terminate e2
    """,
    "the coordinator may die meanwhile": f"""
        {UP}
        {E1_RESTARTS}
        210 exited c killed -> error: c killed; starts again in 0.1 s
        310 wake -> start c
        320 ready e1 -> info: e1 ready, tell 4 ready e1, tell 4 restarting e2, terminate e2
    """,
}

PATIENT = [spec._replace(start_timeout_ms=3_000) for spec in SPECS]


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
def test_scenario(scenario: str) -> None:
    """Each event must be followed by exactly these acts."""
    Bench(PATIENT).play(scenario)


def test_the_schedule_keeper_reads_its_file_again() -> None:
    """One that is ready must be told; one that starts reads the file anyway, and would die of the signal."""
    Bench([ProcessSpec("c", Kind.COORDINATOR, 1_000), ProcessSpec("s", Kind.SCHEDULE_KEEPER, 500)]).play("""
        0 hangup -> tell 0 reloaded, start c, start s
        1 ready c -> info: c ready
        2 hangup -> tell 0 reloaded
        3 ready s -> info: s ready, all ready
        4 reload 1 -> read again s, tell 1 reads again s, tell 1 reloaded
        6 exited s killed -> error: s killed; starts again in 0.1 s
        7 hangup -> tell 0 reloaded
    """)


def test_the_phase_of_the_node_says_that_it_reloads() -> None:
    """Whoever looks must see a reload under way."""
    bench = Bench(PATIENT)
    phases = [bench.machine.phase]
    for part in (
        UP,
        E1_RESTARTS,
        "202 stop -> " + f"{STOPS}, tell 4 stopping: the node stops, terminate e1, terminate e2",
    ):
        bench.play(part)
        phases.append(bench.machine.phase)
    assert phases == ["starting", "ready", "reloading", "stopping"]
