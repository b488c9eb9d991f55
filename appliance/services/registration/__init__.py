"""The registration authority: who gets which certificate, when it is renewed, and who may ask.

It keeps the registry and asks the signer, or another authority; it holds no signing key.
`certifying` is the signer's side.
"""
