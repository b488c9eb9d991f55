"""Time as values: the TrustedTime page, and the rules by which the signer doubts it."""
