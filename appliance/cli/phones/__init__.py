"""Verbs of co-signing: users, activation codes, phones and tasks."""
