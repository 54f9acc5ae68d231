"""`python -m axion_gen`, the same as `axion-gen`."""

from .cli import main

if __name__ == "__main__":
    main()
