"""`@task`: what it takes, what it makes, and what it refuses."""

import asyncio
import sys
from types import ModuleType

import pytest

from mainspring import Context, job, task
from mainspring.broker.tasks.definition import AsyncTask, SyncTask, Task
from mainspring.broker.tasks.exceptions import InvalidOption, InvalidTask, UnreachableTask
from mainspring.broker.tasks.sizes import memory_bytes
from mainspring.broker.wire.rows import task_fault


@task
def add(a: int, b: int = 2) -> int:
    """Adds."""
    return a + b


@task(name="mail.send", queue="mail", retries=5, backoff=(2, 60), timeout=1.5, priority=-7, expires=60)
async def send(ctx: Context, to: str) -> list[object]:
    """Sends."""
    return [to, ctx.task]


def test_a_task_is_still_a_function() -> None:
    """Calling a task runs it, and it looks like its function."""
    assert add(1) == 3
    assert (add.__name__, add.__doc__) == ("add", "Adds.")
    assert asyncio.run(send("a@b.c")) == ["a@b.c", "mail.send"]


def test_a_job_names_task_payload_and_options() -> None:
    """A job is what the submit needs, as a value."""
    made = add.job(1, b=3)

    assert made.task == f"{__name__}.add"
    assert made.payload == '[[1],{"b":3}]'
    assert made.returns is int
    assert made == add.job(1, b=3)
    with pytest.raises(AttributeError):
        made.task = "other"  # type: ignore[misc]  (wrong on purpose)


def test_options_are_brought_to_wire_units() -> None:
    """Seconds become milliseconds, backoff a retry policy, and the row fits the wire."""
    options = send.options

    assert (options.runner, options.queue, options.priority) == ("asyncio", "mail", -7)
    assert (options.timeout_ms, options.expires_ms) == (1500, 60_000)
    assert (options.retry.retries, options.retry.base_ms, options.retry.cap_ms) == (5, 2000, 60_000)
    assert send.name == "mail.send"
    assert task_fault(options.as_row(send.name)) is None


def test_the_runner_follows_the_kind_of_function() -> None:
    """`def` goes to the process runner and `async def` to the loop; a mismatch is refused at once."""

    def sync() -> None: ...

    async def coroutine() -> None: ...

    assert isinstance(task(sync), SyncTask)
    assert isinstance(task(coroutine), AsyncTask)
    assert task(sync).options.runner == "process"
    with pytest.raises(InvalidTask, match="is def, which the asyncio runner does not run; make it async def"):
        task(runner="asyncio")(sync)
    with pytest.raises(InvalidTask, match="is async def, which the process runner does not run; make it def, or leave"):
        task(runner="process")(coroutine)
    assert task(runner="thread")(sync).options.runner == "thread"
    with pytest.raises(InvalidTask, match="is async def, which the thread runner does not run; make it def, or leave"):
        task(runner="thread")(coroutine)
    with pytest.raises(InvalidTask, match="runner 'fibre' is unknown; give one of process, asyncio"):
        task(runner="fibre")  # type: ignore[arg-type]  (wrong on purpose)
    with pytest.raises(InvalidTask, match="commands are declared in a node's file"):
        task(runner="command")  # type: ignore[arg-type]  (a function is none)


def test_what_is_no_handler_is_refused() -> None:
    """Classes, generators and tasks cannot be tasks."""

    def generator() -> object:
        yield 1

    for func, text in ((int, "no function"), (generator, "generator"), (add, "a task already"), (len, "no function")):
        with pytest.raises(InvalidTask, match=text):
            task(func)


def test_a_decorator_with_options_can_be_kept_and_refined() -> None:
    """Options given once serve many tasks; the last word counts."""
    mail = task(queue="mail", retries=1)

    def first() -> None: ...

    one, two = mail(first), mail(priority=3, retries=2)(first)

    assert (one.options.queue, one.options.retry.retries, one.options.priority) == ("mail", 1, 0)
    assert (two.options.queue, two.options.retry.retries, two.options.priority) == ("mail", 2, 3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"queue": "no spaces"}, "queue 'no spaces' is no valid name"),
        ({"queue": "../up"}, "is no valid name"),
        ({"queue": "x" * 64}, "1 to 63"),
        ({"retries": -1}, "retries is -1; give a whole number from 0 to 1000"),
        ({"retries": True}, "retries is True"),
        ({"priority": 101}, "priority is 101; give a whole number from -100 to 100"),
        ({"timeout": 0}, "timeout is 0; give more than 0 seconds"),
        ({"timeout": float("nan")}, "give a finite number"),
        ({"timeout": "5"}, "timeout is '5'; give seconds as a number, or a timedelta"),
        ({"expires": -1}, "expires is -1"),
        ({"backoff": (5, 1)}, r"backoff is \(5, 1\): .*base_ms"),
        ({"backoff": (1, 2, 3)}, r"give seconds, or a pair \(base, cap\)"),
        ({"backoff": -1}, "backoff is -1; give 0 or more seconds"),
        ({"deadline": 0}, "deadline is 0; give more than 0 seconds"),
        ({"memory": "much"}, "memory is 'much'; give a number of bytes, or text such as '512MiB' or '1GB'"),
        ({"memory": 1.5}, "memory is 1.5; give a number of bytes"),
        ({"memory": True}, "memory is True"),
        ({"memory": 1000}, "memory is 1000; give 1MiB to 1TiB"),
        ({"memory": "2TiB"}, "memory is '2TiB'; give 1MiB to 1TiB"),
        ({"cpu": 0}, "cpu is 0; give more than 0 seconds"),
        ({"runner": "thread", "memory": "1GiB"}, "memory is given with the thread runner, whose runs share a process"),
        (
            {"runner": "asyncio", "cpu": 1},
            "cpu is given with the asyncio runner.*; leave it out, or make the task a def",
        ),
        ({"labels": "gpu=yes"}, r"labels is 'gpu=yes'; give a dict such as \{'gpu': 'yes'\}, or a list"),
        ({"labels": ["gpu"]}, "labels has 'gpu'; give name=value"),
        ({"labels": {"gpu": 1, "": "x"}}, "labels has '=x'; give name=value"),
        ({"labels": {"a": "b,c"}}, "labels has 'a=b,c'"),
        ({"labels": ["a=1", "a=2"]}, "labels has a=1 and a=2; give a one value"),
        ({"labels": {f"l{n}": "x" for n in range(33)}}, "labels has 33 labels; give at most 32"),
        ({"no_retry": "ValueError"}, r"no_retry has 'ValueError'; give classes of exceptions, as in no_retry=\("),
        ({"no_retry": (ValueError, int)}, "no_retry has <class 'int'>"),
        ({"no_count": None}, "no_count has None"),
        ({"no_retry": OSError, "no_count": (OSError, KeyError)}, "no_retry and no_count both have OSError; leave it"),
        ({"name": "not a name"}, "task name 'not a name' is not valid"),
        ({"name": "x" * 201}, "at most 200"),
    ],
)
def test_options_out_of_range_are_refused_at_once(options: dict[str, object], text: str) -> None:
    """The error comes from the decorator, and names the option and what it may be."""
    with pytest.raises(InvalidOption, match=text):
        task(**options)  # type: ignore[arg-type]  (wrong on purpose)


def test_limits_labels_and_verdicts_are_brought_to_one_form() -> None:
    """Sizes become bytes, spans milliseconds, labels sorted texts, classes tuples."""

    def handler() -> None: ...

    options = task(
        memory="512MiB", cpu=1.5, deadline=60, labels={"zone": "eu-west.1", "gpu": "yes"}, no_retry=ValueError
    )(handler).options

    assert (options.memory_bytes, options.cpu_ms, options.deadline_ms) == (512 * 2**20, 1500, 60_000)
    assert options.labels == ("gpu=yes", "zone=eu-west.1")
    assert (options.no_retry, options.no_count) == ((ValueError,), ())
    assert options.limits_row("x") == ["x", 512 * 2**20, 1500, ["gpu=yes", "zone=eu-west.1"]]
    assert add.options.limits_row("x") is None
    assert task(labels=["gpu=yes", "gpu=yes"])(handler).options.labels == ("gpu=yes",)
    assert task(no_count=[ConnectionError, KeyboardInterrupt])(handler).options.no_count == (  # type: ignore[arg-type]  (lists are taken, too)
        ConnectionError,
        KeyboardInterrupt,
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (2**20, 2**20),
        ("1 GiB", 2**30),
        ("1.5gib", 3 * 2**29),
        ("2000kB", 2_000_000),
        ("3000000", 3_000_000),
        ("4000000B", 4_000_000),
        ("1TB", 10**12),
    ],
)
def test_sizes_are_read(text: object, size: int) -> None:
    """Decimal and binary units, in any case, with and without a space."""
    assert memory_bytes("memory", text) == size


def test_a_scheduled_task_may_have_all_options() -> None:
    """`cron` goes together with limits, labels, verdicts and a deadline."""

    @task(
        name="nightly", cron="0 3 * * *", memory="1GiB", cpu=60, labels=["disk=fast"], no_retry=ValueError, deadline=9
    )
    def nightly() -> None: ...

    (row,) = nightly.schedule_rows()
    assert (row[0], row[3], row[8]) == ("nightly", "nightly", "0 3 * * *")
    assert nightly.options.limits_row("nightly") == ["nightly", 2**30, 60_000, ["disk=fast"]]


def test_unknown_options_are_refused() -> None:
    """A misspelt option is no option."""
    with pytest.raises(TypeError, match="task takes no option retry; it takes name, queue, retries"):
        task(retry=3)  # type: ignore[call-overload]  (wrong on purpose)


@pytest.mark.parametrize(
    ("backoff", "base_ms", "cap_ms"),
    [(None, 1000, 600_000), (0, 10, 600_000), (900, 900_000, 900_000), ((1, 5), 1000, 5000)],
)
def test_backoff_is_a_base_or_a_pair(backoff: object, base_ms: int, cap_ms: int) -> None:
    """One figure keeps the usual cap unless it is above it."""
    retry = task(backoff=backoff)(add.func).options.retry  # type: ignore[arg-type]  (wrong on purpose)

    assert (retry.base_ms, retry.cap_ms) == (base_ms, cap_ms)


def test_a_function_of_main_makes_no_job_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a script a task may be declared and called, but a job of it needs a name that others can resolve."""
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    exec("def hello(): return 1", vars(module))

    hello = task(module.hello)

    assert hello() == 1
    with pytest.raises(UnreachableTask, match=r"stands in __main__.*move it into a module, or name it"):
        hello.job()
    assert task(name="script.hello")(module.hello).job().task == "script.hello"


def test_a_function_inside_another_makes_no_job() -> None:
    """What only exists while a function runs cannot be found by a child."""

    @task
    def inner() -> None: ...

    with pytest.raises(UnreachableTask, match="stands inside a class or a function"):
        inner.job()


def test_a_plain_call_takes_the_context_given_or_the_one_at_hand() -> None:
    """Outside of a job a handler gets a detached context, unless the caller hands one in."""
    mine = Context.detached("mine")

    assert asyncio.run(send("x")) == ["x", "mail.send"]
    assert asyncio.run(send.func(mine, "x")) == ["x", "mine"]
    assert asyncio.run(send(mine, "x")) == ["x", "mine"]  # type: ignore[arg-type, call-arg]  (wrong on purpose)


def test_a_job_by_name_takes_anything_that_travels() -> None:
    """Without the handler at hand the name is checked for its form, the arguments for JSON."""
    made = job("shop.mail.send_email", "a@b.c", cc=[])

    assert (made.task, made.payload, made.options) == ("shop.mail.send_email", '[["a@b.c"],{"cc":[]}]', None)
    with pytest.raises(InvalidOption, match="task name 'shop mail' is not valid"):
        job("shop mail")


def test_a_tasks_signature_is_inspected_late() -> None:
    """A type that is defined below the task is there when the first job is made."""

    def handler(it: "Later") -> None: ...  # noqa: F821  (unresolved on purpose)

    made: Task[..., None] = task(name="jobs.late")(handler)
    vars(sys.modules[__name__])["Later"] = int
    try:
        assert made.job(1).payload == "[[1],{}]"
    finally:
        del vars(sys.modules[__name__])["Later"]
