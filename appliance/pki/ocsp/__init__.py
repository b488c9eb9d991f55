"""OCSP without I/O: naming certificates, answering for an authority, and judging others' answers.

The octets are read and written in `asn1.ocsp` and `asn1.ocsp_writing`.
"""
