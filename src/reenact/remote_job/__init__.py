"""Training on a lent machine without a network: packed here, run there."""
