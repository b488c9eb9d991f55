"""Time as values: readings in, one statement of time and its error bound out, once a second.

`ensemble` is the door; `sources` judges what comes in, `keeping` turns it into time, `holdover`
carries it without satellites.  `page` is what the other roles read, `trusted` how they doubt it.
"""
