"""The phone's half of Shiyin co-signing: SM2 signatures whose key exists nowhere whole.

Written from the protocol's specification alone, docs/protocol-cosign.md; its sections are what the
modules cite.  It needs Python's standard library and nothing of the box.  `phone`, `enrolment`,
`signing` and `refresh` do no I/O; `store`, `https`, `tls_tcp` and `twisted_client` do nothing else.
Read `phone` next.
"""
