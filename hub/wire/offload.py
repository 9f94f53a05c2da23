"""Long work runs beside the event loop, which meanwhile serves everybody else.

Reading is arithmetic on bytes: it needs no loop, and a large answer of one source must not
hold up the others. Small ones are read where they came: a thread costs more than they do.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

SMALL_BYTES = 64 * 1024
"""Up to here work is done on the loop. Measured (`make bench`, `decoding`): the dearest kind of
reading takes about five milliseconds at this size, and handing it over an eighth of one."""

_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="reading")
"""Not the loop's own, in which names of hosts are looked up."""


async def beside_the_loop(size: int, work: Callable[[], T]) -> T:
    """What *work* on *size* bytes gives or raises.

    Cancelled meanwhile, a thread ends its work and the result is dropped. *work* must touch
    nothing that the loop changes.
    """
    if size <= SMALL_BYTES:
        return work()
    run = contextvars.copy_context().run
    return await asyncio.get_running_loop().run_in_executor(_THREADS, run, work)
