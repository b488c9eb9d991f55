"""The registry: certificates, requests, jobs and accounts, in SQLite or PostgreSQL.

`database` runs transactions in threads of their own; the other modules are functions that take the
connection of one.  They read no clock and draw no numbers: identifiers and instants are arguments.
Which step is lawful stands in `pki.states`; which table holds what in `tables`.
"""
