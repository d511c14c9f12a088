"""Create or update the automations of deploy/automations.yaml on the Prefect server: `python -m flows.automations`.

Automations that notify are off until the server has a notification block of the name that --block gives.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prefect import get_client
from prefect.automations import Automation
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import BlockDocument

#: Beside prefect.yaml in the checkout.
FILE = Path(__file__).resolve().parents[1] / "deploy" / "automations.yaml"
#: Name of the notification blocks.
BLOCK = "wattlake"
NOTIFY = "send-notification"
#: Documents in one answer of the server.
PAGE = 200


def apply(path: Path = FILE, block: str = BLOCK) -> list[tuple[str, str]]:
    """Create or update the automations of the file on the server.

    Args:
        path: of the file, in Prefect's documented form. An action `send-notification` has no block in it: it is
            repeated for each notification block of the server with the given name, of whatever type.
        block: name of these blocks.

    Returns:
        (name, 'created' or 'updated', followed by ', off' if there is no block) of each. Automations of other names
        are left alone.
    """
    done = []
    with get_client(sync_client=True) as client:
        blocks = [str(document.id) for document in _notification_blocks(client) if document.name == block]
        for described in yaml.safe_load(path.read_text())["automations"]:
            wanted = with_blocks(described, blocks)
            existing = client.read_automations_by_name(wanted.name)
            if existing:
                wanted.id = existing[0].id
                wanted.update()
            else:
                wanted.create()
            off = "" if wanted.enabled else f", off: there is no notification block {block!r}"
            done.append((wanted.name, ("updated" if existing else "created") + off))
    return done


def with_blocks(described: dict[str, Any], blocks: list[str]) -> Automation:
    """An automation that notifies each of the blocks; without a block it is off."""
    actions = [
        {**action, "block_document_id": identity} if action["type"] == NOTIFY else action
        for action in described["actions"]
        for identity in (blocks if action["type"] == NOTIFY else ("",))
    ]
    if not actions:
        return Automation.model_validate({**described, "enabled": False, "actions": [{"type": "do-nothing"}]})
    return Automation.model_validate({**described, "actions": actions})


def _notification_blocks(client: SyncPrefectClient) -> Iterator[BlockDocument]:
    offset = 0
    while page := client.read_block_documents(offset=offset, limit=PAGE, include_secrets=False):
        yield from (d for d in page if d.block_schema and "notify" in d.block_schema.capabilities)
        offset += len(page)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=FILE, help="file of automations (default: %(default)s)")
    parser.add_argument("--block", default=BLOCK, help="name of the notification blocks to use (default: %(default)s)")
    arguments = parser.parse_args()
    for name, outcome in apply(arguments.file, arguments.block):
        print(f"{name}: {outcome}")


if __name__ == "__main__":
    main()
