"""Judging tokens, ours and others': `verification` asks every question, `report` holds the answer.

`signature` pairs algorithms and diagnoses SM2 IDs, `signer_certificate` finds and judges who
signed, `facts` renders a report.  Public data only: no key comes here.
"""
