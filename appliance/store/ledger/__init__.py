"""The ledger: chained rows in segments, signed heads beside them, and their proof.

`ledger` writes; `check` proves without it.  What a row means is its writer's business.
"""
