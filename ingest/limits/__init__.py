"""How much each tenant may send, and how the replicas share it."""
