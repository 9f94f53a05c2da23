"""A random schedule of faults over all sources, under load, judged by the ledger."""
