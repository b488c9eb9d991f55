"""`shiyin time`: the clock in words and in plots."""
