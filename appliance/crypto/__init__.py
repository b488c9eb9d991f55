"""Keys, signatures and hashes: what the box signs with.

`api` says what an engine and a key are; `engine` chooses between `native` (our C core) and
`libcrypto` (ctypes) after the known answers of `self_test`; `classical` holds P-256 and RSA by
`cryptography`; `verifier` gives one verdict on any signature; `sealing` keeps private keys at rest;
`secret` is locked memory.  An SM2 private key is an opaque handle: no scalar ever becomes a Python
int or bytes.  The one domain room that may ask for randomness: no I/O but getrandom, no clock.
"""
