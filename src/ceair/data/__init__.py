"""Images for training: where they come from and how batches are drawn from them."""
