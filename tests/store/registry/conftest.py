"""The registry is tested on both engines."""

from kit.registry import database, empty_url, engine, patterns, registry_url, stores

__all__ = ["database", "empty_url", "engine", "patterns", "registry_url", "stores"]
