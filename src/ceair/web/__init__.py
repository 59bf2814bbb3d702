"""The page: restoring in a browser, with nothing sent anywhere else."""
