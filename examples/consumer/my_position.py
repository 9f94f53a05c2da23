"""A portal's first screen: print what the hub knows of a citizen, and what is missing.

    python examples/consumer/my_position.py http://127.0.0.1:8080 "$(hub token)"

Shows the three things that every consumer must handle: a block has a state, an error is a
problem document, and a long collection comes in pages.
"""

from __future__ import annotations

import sys
from typing import Any

import httpx

SAYS = {
    "empty": "no hay datos",
    "unavailable": "no disponible en este momento",
    "pending": "llegará en unos segundos",
    "denied": "no se puede consultar aquí",
}


def main(base: str, token: str) -> int:
    """Print one line per block; 1 when the hub answers with a problem."""
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}) as hub:
        answer = hub.get(
            "/v1/me/position", params={"view": "summary"}, headers={"Prefer": "wait=4"}
        )
        if answer.is_error:
            problem = answer.json()
            print(f"{problem['title']} ({problem['type']}, {problem['traceId']})")
            return 1
        for name, block in answer.json()["blocks"].items():
            print(f"{name:16} {line(block)}")
        print(f"recibos leídos: {len(all_items(hub, 'taxBills'))}")
    return 0


def line(block: dict[str, Any]) -> str:
    """A block in words."""
    if block["state"] not in ("fresh", "stale"):
        return SAYS[block["state"]]
    text = f"{block['count']}"
    if block.get("needsAction"):
        text += f", {block['needsAction']} pendiente(s)"
    return text + (f" hasta {block['nextDate']}" if block.get("nextDate") else "")


def all_items(hub: httpx.Client, block: str) -> list[Any]:
    """Every item of a collection, page by page."""
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = hub.get(f"/v1/me/position/{block}", params={"cursor": cursor}).raise_for_status()
        data = page.json().get("data", {})
        items += data.get("items", [])
        cursor = data.get("next")
    return items


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
