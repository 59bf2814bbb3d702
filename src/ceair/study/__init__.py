"""The controlled study: the same backbone, data, seeds and budget for each way of conditioning, compared with care."""
