"""Send one task and print its result: ask.py NAME [ARGUMENT...]"""

import sys

from sea import app

serializer = "json"
words = sys.argv[1:]
if words[0].startswith("--"):
    serializer = words.pop(0)[2:]
result = app.send_task(f"sea.tasks.{words[0]}", words[1:], serializer=serializer)
try:
    print(result.get(timeout=12))
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(1)
