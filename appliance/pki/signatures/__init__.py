"""Signatures on documents, verified: bare ones of a key, and SignedData with all its signers.

`bare.py` and `signed.py` are the entries, `report.py` has their answers, `forms.py` tells one form
of signature from another.  Certificates are judged by whom the caller names, as a rule by
`pki.validation`.  Nothing is fetched here, no clock is read, and nobody verifies a bare digest:
for one, anyone can make a signature without a key.
"""
