"""The `ceair` command."""

from ceair.cli.app import main

__all__ = ["main"]
