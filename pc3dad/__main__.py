"""`python -m pc3dad`: the one core file that may import the command line."""

from pc3dad.cli.main import main

if __name__ == "__main__":
    main()
