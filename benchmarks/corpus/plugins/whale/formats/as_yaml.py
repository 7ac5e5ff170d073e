import yaml


class Yaml:
    def dump(self, rows):
        return yaml.safe_dump(rows)
