"""What no single person may do: statements, custodians' signatures, and the acts that follow.

`ceremonies.py` collects signatures; `acts.py` has what may be agreed upon.
"""
