"""Certification path validation whole, as RFC 5280 clause 6 tells it, with a verdict in words.

`validating.validate` is the entry; `verdict` has its answers.  Names, policies, purposes and
revocation are a module each.  Nothing is fetched here and no clock is read.  `pki.path` is the
short form on the way of every token: no constraints, no policies, its own budget.
"""
