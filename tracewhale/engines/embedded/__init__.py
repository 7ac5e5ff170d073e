"""The engine that needs no container engine: the probe's own sandbox runs the command.

``sources`` opens a target's files; ``layout`` and ``command`` make the sandbox's arguments; ``workspace``
owns temporary directories; ``sandbox_session`` and ``driver`` run the command; ``adapter`` is the pipeline's
interface.
"""
