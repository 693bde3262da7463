"""The worker: carries deployments on, watches networks, runs what is rare."""
