"""Certificates: what the signer issues, revokes and answers for, and what the manager asks of it.

The signer enforces the templates itself; `messages` is all that a manager can say to it.
"""
