"""Docker images and containers as targets.

``engine`` talks to the daemon, ``container_spec`` is pure, ``containers`` owns temporary objects in the
engine, ``target`` makes an image of a container, and ``driver`` runs the command under a probe.
"""
