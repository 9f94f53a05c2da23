"""What lives as long as the process is kept from the garbage collector's full rounds."""

from __future__ import annotations

import gc


def spare_what_lasts() -> None:
    """Collect what is garbage, and look no more at what is left (modules, types, routes, parts).

    A full round looks at every object that lives, some 150,000 after the start: 0.1 to 0.2 s in
    which the event loop stands still, once in some 100 requests (ADR 62). Called again, it
    first takes back what it spared before, so that what a reload has replaced is freed.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
