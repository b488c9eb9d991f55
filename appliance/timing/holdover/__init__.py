"""What carries the clock without satellites: the filters, what they learnt, how far they hold.

Pure; `discipline` is the door, fed with minute means.  `timing/keeping` asks it for forecasts.
"""
