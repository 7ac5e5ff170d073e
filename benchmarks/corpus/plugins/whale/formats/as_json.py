import json


class Json:
    def dump(self, rows):
        return json.dumps(rows)
