"""Shiyin, the box: floors from `quantities` at the bottom to `cli` at the top; imports run downwards only.

Read `docs/architecture.md` first, then `daemon.tree`, where the whole program is visible in one place.
"""
