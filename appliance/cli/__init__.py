"""The operator's command, `shiyin`: one verb a module, exit codes 0 ok, 1 refused, 2 usage, 3 unreachable, 4 not allowed."""
