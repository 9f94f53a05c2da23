"""The lateness of the event loop is counted, turn by turn."""

from __future__ import annotations

import asyncio
import math

from hub.api.loopwatch import EVERY_S, LoopWatch
from tests.support.simulated import Hand, simulate


def test_a_turn_that_comes_late_is_counted_as_late():
    """Each turn by the smallest bound that it is within; the sum adds up."""

    async def story():
        hand = Hand()
        watch = LoopWatch(hand)
        watch.start()
        for late in (0.0, 0.03, 7.0):
            hand.passes(EVERY_S + late)
            await asyncio.sleep(EVERY_S)
        watch.stop()
        await asyncio.sleep(1)
        return watch

    watch = simulate(story())
    assert dict(watch.within) == {0.001: 1, 0.05: 1, math.inf: 1}
    assert round(watch.seconds, 6) == 7.03
