"""What each process is made of, one role a module: `timed`, `signer`, `front`; `box` runs them all.

A role starts, serves, and stops after a drain; `setting` is what it is made from.
"""
