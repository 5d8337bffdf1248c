"""Settings, optimiser, state, step and loop of training; which loss term pulls which joint."""
