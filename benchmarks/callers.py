"""Callers: threads, or tasks of an event loop, that do the same thing again and again."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from benchmarks.figures import Measured

_SHOWN_ERRORS = 3


def calls(act: Callable[[int], None], callers: int, seconds: float) -> Measured:
    """How often *callers* threads got through *act*, which is told the caller's number.

    Whatever it raises is counted as an error, and the first few are raised when all is over.
    """
    counts = [0] * callers
    errors: list[Exception] = []
    ready = threading.Barrier(callers + 1)
    ends: list[float] = [0.0]

    def call(number: int) -> None:
        ready.wait()
        while time.perf_counter() < ends[0]:
            try:
                act(number)
            except Exception as error:  # noqa: BLE001 - counted, and told at the end
                errors.append(error)
            else:
                counts[number] += 1

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    begun = time.perf_counter()
    ends[0] = begun + seconds
    ready.wait()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begun
    if errors:
        raise ExceptionGroup(f"{len(errors)} errors", errors[:_SHOWN_ERRORS])
    return Measured(rate=sum(counts) / taken, count=sum(counts))


def calls_on_a_loop(
    act: Callable[[int], Awaitable[None]], callers: int, seconds: float
) -> Measured:
    """The same with tasks, as the server's handlers are."""
    return asyncio.run(_calls(act, callers, seconds))


async def _calls(act: Callable[[int], Awaitable[None]], callers: int, seconds: float) -> Measured:
    counts = [0] * callers
    errors: list[Exception] = []
    begun = time.perf_counter()
    end = begun + seconds

    async def call(number: int) -> None:
        while time.perf_counter() < end:
            try:
                await act(number)
            except Exception as error:  # noqa: BLE001 - counted, and told at the end
                errors.append(error)
            else:
                counts[number] += 1

    await asyncio.gather(*(call(number) for number in range(callers)))
    taken = time.perf_counter() - begun
    if errors:
        raise ExceptionGroup(f"{len(errors)} errors", errors[:_SHOWN_ERRORS])
    return Measured(rate=sum(counts) / taken, count=sum(counts))
