"""Certificate templates: what they say, how they are filled, and the bounds of what they may."""
