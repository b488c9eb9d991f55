"""The holdover report: the product's own `appliance.timing` on simulated or recorded oscillators.

`trials` simulates, `series` reads what was recorded, `replay` runs the discipline over either and
compares it with the truth, `figures` makes the report of many runs.  Begin with `replay`.
"""
