"""Timestamps on the wire: over HTTP and TCP, their verification, GM/T 0033, and a small client."""
