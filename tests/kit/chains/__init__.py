"""A corpus of chains, good and broken, written by a library that is not ours.

`making` issues one certificate, `case` says what a case is; the other modules hold the cases by
what they try, and `corpus` gathers them.
"""
