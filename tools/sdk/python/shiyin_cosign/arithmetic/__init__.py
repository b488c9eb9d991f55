"""SM2 by whatever this machine has: the C core, else OpenSSL, else Python's own integers.

What a backend must do stands in `api`; which one is in use, `choice.backend()` tells.  Nothing here
knows a message of the protocol.
"""
