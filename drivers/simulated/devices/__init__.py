"""The devices themselves: each says its second and answers what it hears, in its real protocol.

`gnss` (with `sentences`), `board`, `modem`, `ntp` and `pps` read the world and suffer from faults;
they know neither threads nor terminals.  The folder above puts them on a stage.
"""
