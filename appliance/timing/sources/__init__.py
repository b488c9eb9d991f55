"""What readings are worth before they move the clock: health, dates, labels, leaps, votes.

Pure values in and out; instants are arguments.  `timing/keeping` turns what is left into time.
"""
