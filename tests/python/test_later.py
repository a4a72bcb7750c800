"""What nobody waits for is done at the end of the cell, or when the loop is free, or at once; and once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from cnnvis.later import later


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """A shell that runs cells, the one that `get_ipython` gives."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_it_is_done_at_once_where_there_is_nothing_to_come_back_to() -> None:
    done: list[str] = []
    later(lambda: done.append("work"))
    assert done == ["work"]
    thread = threading.Thread(target=later, args=(lambda: done.append("of a thread"),))
    thread.start()
    thread.join()
    assert done == ["work", "of a thread"]


def test_it_is_done_once_the_loop_is_free() -> None:
    async def handler() -> list[str]:
        done: list[str] = []
        later(lambda: done.append("work"))
        assert done == []
        await asyncio.sleep(0)
        return done

    assert asyncio.run(handler()) == ["work"]


def test_it_is_done_at_the_end_of_the_cell_and_not_again(shell: InteractiveShell) -> None:
    done: list[int] = []
    shell.user_ns |= {"later": later, "done": done}

    async def run(code: str) -> None:
        """What a kernel does with a cell."""
        result = await shell.run_cell_async(code, transformed_cell=code)
        shell.events.trigger("post_execute")
        assert result.success, result.error_in_exec

    async def kernel() -> None:
        await run("later(lambda: done.append(len(done))); assert done == []")
        assert done == [0], "before the kernel says that the cell is done"
        await asyncio.sleep(0)
        await run("pass")
        assert done == [0]
        await run(
            "import asyncio; later(lambda: done.append(1)); await asyncio.sleep(0); assert done == [0, 1]"
        )

    asyncio.run(kernel())
    assert done == [0, 1], "a cell that waits gives it the time"


def test_a_thread_beside_the_cells_does_not_wait_for_one(shell: InteractiveShell) -> None:
    done: list[str] = []

    async def handler() -> None:
        later(lambda: done.append("work"))
        await asyncio.sleep(0)

    thread = threading.Thread(target=asyncio.run, args=(handler(),))
    thread.start()
    thread.join()
    assert done == ["work"]
    shell.events.trigger("post_execute")
    assert done == ["work"]
