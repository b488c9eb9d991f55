"""The registry's schema through time: one revision a file in `versions`, run by `upgrading`.

A revision that was released is never edited; it names types of its own and not those of `tables`,
which tell the schema of now.
"""
