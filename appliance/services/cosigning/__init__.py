"""Co-signing in the signer: shares, sessions, PIN counters, enrolments; and what asks for it.

The mathematics stands in `cosign`; the ledger and the shares at rest in `store.cosigning`.
"""
