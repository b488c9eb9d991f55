"""Two-party SM2 with a phone: what docs/protocol-cosign.md says, as values in and values out.

Here live encodings, proofs, transcripts and the signer's half of every exchange.  No clock, no
disk, no randomness of its own: scalars come from `crypto`, states are kept by `services.cosigning`.
"""
