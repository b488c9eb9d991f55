"""Certificates: issuing them from templates and walking a path to a root, without I/O."""
