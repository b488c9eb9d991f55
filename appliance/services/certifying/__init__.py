"""The authorities of a box: certificates, lists, OCSP and ceremonies.

In the signer: `worker` is the thread, `certifier` the room, `authority` issues, `journal` is the
truth, `own` keeps the box's own keys, `desk` takes frames; `revocation` and `ceremony` have folders
of their own.  In the manager `client` asks, in a front `ocsp_counter`.  What is asked is believed
nowhere here.
"""
