"""Ctrl-C and SIGTERM for commands that run the stack: the first asks for a clean end, the third ends at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tseeder_cli.errors import ExitCode
from tseeder_cli.screen import say


class Ending:
    """`asked` is true once somebody wants the command to end."""

    def __init__(self) -> None:
        self.asked = False
        self._times = 0

    def ask(self, task: asyncio.Task[object]) -> None:
        """A signal has come: cancel `task`, the first time."""
        self._times += 1
        if self._times == 1:
            self.asked = True
            task.cancel()
        elif self._times == 2:
            say("stopping already; once more ends at once")
        else:
            os._exit(ExitCode.INTERRUPTED)  # the programs die with their launcher


@asynccontextmanager
async def ending() -> AsyncIterator[Ending]:
    """Until the end of the block, SIGINT, SIGTERM and SIGHUP cancel the task that has entered it."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs is in a task
    state = Ending()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, state.ask, task)
    try:
        yield state
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
