"""Verification of signatures and certificates as a service, with lists and OCSP answers fetched.

`verifying.py` answers questions, `revocations.py` has what tells of revocation, from memory or from
the addresses that are allowed; `operations.py` gives the same under the names of GB/T 38629.  What
a signature means is `pki.signatures`' to say, and what a certificate is worth `pki.validation`'s.
Who fetches stands behind `fetching.Fetcher`; no key is ever used here.
"""
