"""The rooms of co-signing: users, activations, devices, tasks."""
