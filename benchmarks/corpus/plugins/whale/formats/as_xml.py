from lxml import etree


class Xml:
    def dump(self, rows):
        root = etree.Element("whales")
        for row in rows:
            etree.SubElement(root, "whale", **row)
        return etree.tostring(root).decode()
