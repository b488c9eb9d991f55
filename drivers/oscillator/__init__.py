"""The oven oscillator and its phase comparator: one board on a serial line, protocol OCB/1.

`ocb` is the codec, both ways, pure; `board` is the device; docs/ocb-1.md is the protocol.  No clock
is read here and nothing is estimated.  Read `ocb` next.
"""
