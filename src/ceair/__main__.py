"""`python -m ceair` is the `ceair` command."""

from ceair.cli import main

if __name__ == "__main__":
    main()
