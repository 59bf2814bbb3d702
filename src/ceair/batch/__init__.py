"""Many images, on all processors of one machine or of a Ray cluster, restartable: what `ceair batch` does.

Nothing is imported here, as all of it but `cluster` needs the extra `ray`.
"""
