"""What becomes of certificates, and how the world hears of it: states, lists, OCSP answers.

Its truth is the journal, one floor up.
"""
