"""CMP (RFC 4210, RFC 4211): asking another authority for certificates, as a registration authority.

`writing` makes the messages, `reading` takes the answers apart, `protection` seals both, and
`transaction` puts them in order.  Bytes in, bytes out: who carries them is `services`' business.
"""
