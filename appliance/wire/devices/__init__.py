"""The device API: phones over HTTPS in JSON and over TLS in DER, one set of handlers behind both.

docs/protocol-cosign.md sections 5 and 11.  The front judges form and amounts; who may do what is
for the signer and the manager, which `relay` asks.  Read `daemon/devices.py` next.
"""
