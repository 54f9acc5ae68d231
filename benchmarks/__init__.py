"""How fast the runtime is, beside its peers in the same run: `make bench`.

`__main__.py` is the command; each measure is a file of its own, `MEASURES` in `measures.py` lists
them. `rounds.py` runs the contenders in turn, each time in a fresh process, so that neither the
machine's drift nor what one has left behind favours the other.
"""
