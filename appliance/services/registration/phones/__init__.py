"""The registry's part in co-signing: users, activations, tasks, and phones that ask for them.

No share and no code is ever here: the signer keeps those, and its word on a device or a signature
is final.  What crosses is `services.cosigning.messages`.
"""
