import tomli_w


def export(beds):
    return tomli_w.dumps({"beds": [b.model_dump() for b in beds]})
