"""Fair use of a pool of threads: one client's requests do not block the others."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from mien.service.http.limits import Client

Result = TypeVar("Result")


class ClientTurns:
    """Runs tasks in a pool; each client uses a limited number of threads, and its further tasks wait outside the pool.

    Args:
        pool: Runs the tasks.
        per_client: Most threads that one client may use at a time.
    """

    def __init__(self, pool: ThreadPoolExecutor, per_client: int) -> None:
        self._pool, self._per_client = pool, per_client
        self._semaphores: dict[str, asyncio.Semaphore] = {}  # by address, while there are tasks
        self._tasks: Counter[str] = Counter()

    async def run(self, task: Callable[[], Result], client: Client) -> Result:
        """Wait for the client's turn, run the task, and return its result."""
        # By address alone: a client with several tokens is still one machine.
        key, loop = client.address, asyncio.get_running_loop()
        semaphore = self._semaphores.setdefault(key, asyncio.Semaphore(self._per_client))
        self._tasks[key] += 1
        try:
            await semaphore.acquire()
        except BaseException:  # the request was given up while it waited
            self._forget(key)
            raise
        running = self._pool.submit(task)

        def end() -> None:
            semaphore.release()
            self._forget(key)

        def when_done(_: object) -> None:  # in the pool's thread, while semaphores belong to the loop's
            with suppress(RuntimeError):  # the loop is closed: the server ends
                loop.call_soon_threadsafe(end)

        # Not at the end of the request: if that is given up, its thread still works until the task is done.
        running.add_done_callback(when_done)
        return await asyncio.wrap_future(running)

    def _forget(self, key: str) -> None:
        self._tasks[key] -= 1
        if not self._tasks[key]:
            del self._tasks[key], self._semaphores[key]
