"""The time-stamping authority itself, as pure functions: request and trusted time in, token out.

`policy` says what is allowed, `request` judges what was asked, `template` renders tokens,
`authority` brings them together, `record` is the ledger's copy from which a token is rebuilt,
`verifying` judges tokens, ours and others'.  No keys, no clocks, no sockets: they are
arguments.
"""
