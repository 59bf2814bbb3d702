"""How events of the page are queued."""

from typing import Any

NETWORK: dict[str, Any] = {"concurrency_id": "network", "concurrency_limit": 1, "api_visibility": "private"}
"""Of events that run the network: one at a time, as each takes the whole machine."""

LIGHT: dict[str, Any] = {
    "concurrency_id": "light",
    "concurrency_limit": 2,
    "show_progress": "minimal",
    "api_visibility": "private",
}
"""Of events that compute something else."""

HANDY: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
"""Of events that are done at once."""
