import xmltodict


def export(beds):
    return xmltodict.unparse({"beds": {"bed": [b.model_dump() for b in beds]}})
