"""The operator's command, `shiyin`: one verb a module.

Exit codes: 0 ok, 1 refused or invalid, 2 usage, 3 unreachable, 4 not allowed.
"""
