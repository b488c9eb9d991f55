"""Which setting is which device of time, and who follows the clock."""
