"""Training: settings, optimisers, resumable state and the loop."""
