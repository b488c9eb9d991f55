"""What lasts: the append-only ledger with its signed heads, key files, and the mapped time page.

Nothing here knows what a timestamp is; `tsp.record` gives the ledger's rows their meaning.
"""
