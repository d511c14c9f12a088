"""Create or update the automations of deploy/automations.yaml on the Prefect server: `python -m flows.automations`."""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml
from prefect import get_client
from prefect.automations import Automation

#: Beside prefect.yaml in the checkout.
FILE = Path(__file__).resolve().parents[1] / "deploy" / "automations.yaml"


def apply(path: Path = FILE) -> list[tuple[str, str]]:
    """Bring the server's automations to what the file says.

    Returns:
        (name, 'created' or 'updated') of each. Automations of other names are left alone.
    """
    done = []
    for described in yaml.safe_load(path.read_text())["automations"]:
        wanted = Automation.model_validate(described)
        existing = _named(wanted.name)
        if existing:
            wanted.id = existing[0].id
            wanted.update()
        else:
            wanted.create()
        done.append((wanted.name, "updated" if existing else "created"))
    return done


def _named(name: str) -> list[Automation]:
    with get_client(sync_client=True) as client:
        return list(client.read_automations_by_name(name))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=FILE, help="file of automations (default: %(default)s)")
    for name, outcome in apply(parser.parse_args().file):
        print(f"{name}: {outcome}")


if __name__ == "__main__":
    main()
