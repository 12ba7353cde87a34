"""`python -m gennari`, which torchrun starts once for each process."""

from gennari.cli.app import main

if __name__ == "__main__":
    main()
