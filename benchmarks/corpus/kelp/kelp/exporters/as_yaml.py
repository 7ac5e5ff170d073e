import io


def export(beds):
    from ruamel.yaml import YAML

    out = io.StringIO()
    YAML().dump([b.model_dump() for b in beds], out)
    return out.getvalue()
