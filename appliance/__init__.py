"""Shiyin, the box: floors from `quantities` up to `cli`; imports run downwards only.

Read `docs/architecture.md` first, then `daemon.tree`, where the whole program is visible in one
place.
"""
