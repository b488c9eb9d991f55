"""Fuzzing of every parser of octets from outside.

`targets/` holds one small file a parser: `one_input(data)` fails when the parser breaks a promise.
`corpus/TARGET/` holds its inputs: `seed-*` written by `seeds.py`, `found-*` kept by
`./tools/fuzz TARGET --keep`.  A crash that was mended stays there as an input.  Read `kit.fuzzing`
next.
"""
