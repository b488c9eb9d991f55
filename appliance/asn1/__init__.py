"""Strict DER and the schemas the box speaks: bytes in, frozen values out, and back.

`der` is the bounded cursor and the writer; `oids` the names; `tsp`, `cms`, `x509` and `sm2` one
schema each.  Everything refuses what is not DER by raising Malformed; nothing here signs, hashes
or reads a clock.
"""
