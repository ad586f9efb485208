"""Example tasks: `mainspring init` puts this file beside node.toml, whose `tasks` names it.

Plain functions run in child processes, `async` functions many at once on one event loop. Calling a task stays a plain
call; to have it run by a node, submit it:

    import mainspring
    from tasks import add

    with mainspring.Client() as client:
        job = client.submit(add.job(2, 3))
        print(job.result(timeout=10))
"""

import asyncio

from mainspring import task


@task
def add(first: int, second: int) -> int:
    """Adds two numbers; the result is stored with the job."""
    return first + second


@task(retries=5, timeout=60)
def send_welcome(address: str) -> str:
    """Stands for work that may fail: it is tried again up to five times, and no try may take longer than a minute."""
    return f"welcome, {address}"


@task
async def wait(seconds: float) -> float:
    """Stands for work that mostly waits, such as a web request: a hundred of these run at once in one process."""
    await asyncio.sleep(seconds)
    return seconds
