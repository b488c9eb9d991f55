"""Simulated devices: one seeded truth behind virtual devices that speak the real protocols.

`truth` is the model and `world` what all devices share; what they give taints every clock it
reaches.  `devices` are the devices, `faults` and `scenario` bend them, `stage` is the cast; `rig`
drives it in virtual time, `ptys` in real time.  Nothing here serves production, and nothing knows
of `appliance`.  Read `stage` next.
"""
