"""What stands between a record and its handler: one concern a file.

An interceptor is a small record of its parameters; `wrap` puts it around the next one.
`pipeline` in `handling.py` says in which order they stand.
"""
