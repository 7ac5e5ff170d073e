import json


def export(beds):
    return json.dumps([b.model_dump() for b in beds])
