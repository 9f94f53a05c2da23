"""Waiting that a cancellation does not cut short."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def settled(task: asyncio.Future[Any]) -> bool:
    """Wait for *task* through any number of cancellations; whether it ended without error."""
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue
    return not task.cancelled() and task.exception() is None


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* to its end; a cancellation meanwhile goes on when it is over."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await settled(task)
        raise


async def cancelled_between(work: Coroutine[Any, Any, T]) -> T:
    """What *work* gives. A cancellation ends it, but never in the middle of its clean-up.

    httpcore guards its clean-up by anyio's shields, which know nothing of asyncio's own
    cancellations: one at the wrong moment leaves a connection in the pool as busy, with nobody
    to end it (ADR 61). So it is handed on through a scope of anyio's.
    """
    scope = anyio.CancelScope()

    async def scoped() -> tuple[T] | None:
        with scope:
            return (await work,)
        return None

    task = asyncio.ensure_future(scoped())
    try:
        done = await asyncio.shield(task)
    except asyncio.CancelledError:
        scope.cancel()
        await settled(task)
        raise
    assert done is not None  # noqa: S101 - the scope is cancelled above and nowhere else
    return done[0]
