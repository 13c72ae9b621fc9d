"""What decides about updates: the life of a deployment, who may get which firmware, and why."""
