"""The engine that is always there: the probe's own sandbox runs the command, no container engine needed.

``sources`` opens a target's files; ``layout`` and ``command`` are what the sandbox is told; ``workspace``
owns what is on disk for a while, ``session`` and ``driver`` run the command, ``adapter`` is what the
pipeline sees.
"""
