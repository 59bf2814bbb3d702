"""Entries for programs that load networks of many kinds; each is imported only by those who have its program."""
