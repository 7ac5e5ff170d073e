from jinja2 import Environment, PackageLoader


def export(beds):
    return Environment(loader=PackageLoader("kelp")).get_template("list.html").render(beds=beds)
