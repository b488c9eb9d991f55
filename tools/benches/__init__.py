"""The benches: each module of a bench adds its options to the command line and gives one report.

What they share stands beside them: a box of their own (`box`), the load (`load`, `queries`), the
judgement of what came back (`replies`), and what figures are held against (`references`,
`processes`).  Nothing of the appliance imports this; begin with `tsp`.
"""
