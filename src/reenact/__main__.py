"""`python -m reenact`."""

from reenact.cli import main

if __name__ == "__main__":
    main()
