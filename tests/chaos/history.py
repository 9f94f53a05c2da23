"""What was shown, against what is true and against what the ledger says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

SHOWN = frozenset({"fresh", "stale", "empty"})


class History(Struct):
    """Answers by how they ended, what each whole one said, and what was wrong with them."""

    ends: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By request: each block without its data, as it stands on the answer's leaf."""
    wrong: list[str] = field(default_factory=list)

    def answered(self, request: str, blocks: Mapping[str, Any]) -> None:
        """A 200 came."""
        self.ends["answered"] += 1
        self.states.update(block["state"] for block in blocks.values())
        self.said[request] = {name: told(block) for name, block in blocks.items()}


def told(block: Mapping[str, Any]) -> dict[str, Any]:
    """What a block says of itself: its state, and where its data come from."""
    provenance = block.get("provenance") or {}
    return {"state": block["state"], "exchanges": list(provenance.get("exchanges") or ())}


def wrong_values(shown: Mapping[str, Any], true: Mapping[str, Any]) -> list[str]:
    """The blocks that show anything but what the source really holds about this person.

    Both without ids and times. A block that shows nothing is not wrong, whatever its reason.
    """
    found = [f"{name}: not asked for" for name in shown if name not in true]
    for name in shown.keys() & true.keys():
        block, held = shown[name], true[name]
        if block["state"] not in SHOWN:
            found += [f"{name}: data beside {block['state']}"] if "data" in block else []
        elif block.get("data") != held.get("data"):
            found.append(f"{name}: another value than the source's")
        elif (block["state"] == "empty") != (held["state"] == "empty"):
            found.append(f"{name}: {block['state']}, and the source holds {held['state']}")
    return found


def lost(said: Mapping[str, Mapping[str, Any]], leaves: Iterable[Mapping[str, Any]]) -> list[str]:
    """What was shown otherwise than recorded, or asked without an outcome, or written twice."""
    answers, halves = {}, {"sent": Counter[str](), "outcome": Counter[str]()}
    for leaf in leaves:
        if leaf["kind"] == "answer":
            answers[leaf["request"]] = leaf["blocks"]
        elif leaf["kind"] in halves:
            halves[leaf["kind"]][leaf["id"]] += 1
    sent, outcomes = halves["sent"], halves["outcome"]
    found = [f"exchange {id_} has no outcome" for id_ in sent - outcomes]
    found += [f"exchange {id_} was never sent" for id_ in outcomes - sent]
    found += [f"exchange {id_} stands twice" for id_, count in sent.items() if count > 1]
    for request, blocks in said.items():
        if request not in answers:
            found.append(f"the answer to {request} has no record")
        elif blocks != {name: told(block) for name, block in answers[request].items()}:
            found.append(f"the answer to {request} is not as on record")
        named = {id_ for block in blocks.values() for id_ in block["exchanges"]}
        found += [f"{request} names {id_}, which is not on record" for id_ in named - set(outcomes)]
    return found
