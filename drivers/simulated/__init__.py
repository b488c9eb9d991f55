"""Simulated devices: one seeded truth behind virtual devices that speak the real protocols.

`truth` is the model; what it gives taints every clock it reaches.  Nothing here serves production,
and nothing knows of `appliance`.
"""
