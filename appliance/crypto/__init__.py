"""Keys, signatures and hashes: what the box signs with, and the one domain room that may ask for randomness.

`api` says what an engine and a key are; `engine` chooses between `native` (our C core) and `libcrypto`
(ctypes) after known-answer tests; `classical` holds P-256 and RSA by `cryptography`; `sealing` keeps
private keys at rest; `secret` is locked memory.  Private keys are opaque handles: no scalar ever becomes
a Python int or bytes.  No I/O but getrandom, no clock.
"""
