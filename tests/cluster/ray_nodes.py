"""`python -m tests.cluster.ray_nodes ADDRESS`: print how many Ray nodes are alive; run on one of them."""

from __future__ import annotations

import sys

from ray._raylet import GcsClient  # type: ignore[attr-defined]  # compiled; Ray's own commands ask so


def main() -> None:
    """Ask the head without joining it, which would take seconds."""
    nodes = GcsClient(address=sys.argv[1]).get_all_node_info(timeout=5)
    print(sum(node.state == 0 for node in nodes.values()))


if __name__ == "__main__":
    main()
