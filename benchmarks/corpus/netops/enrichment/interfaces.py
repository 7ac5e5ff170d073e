import sys

from Routers import genericConnect


def table(path):
    from lxml import etree

    tree = etree.parse(path)
    for interface in tree.findall(".//physical-interface"):
        print(interface.findtext("name"), interface.findtext("oper-status"))


def junos(path):
    from jnpr.junos.factory import loadyaml
    from jnpr.junos.op.ethport import EthPortTable

    print(sorted(loadyaml(path)), EthPortTable.GET_RPC)


def parse(path):
    from ciscoconfparse import CiscoConfParse

    for line in CiscoConfParse(path, syntax="ios").find_objects(r"^interface"):
        print(line.text, [child.text.strip() for child in line.children])


def render(path):
    import jinja2
    import yaml

    with open(path) as file:
        data = yaml.safe_load(file)
    print(
        jinja2.Environment(loader=jinja2.FileSystemLoader("/usr/src/app/conf"))
        .get_template("router.j2")
        .render(data)
    )


def connect(kind):
    if kind == "junos":
        from jnpr.junos import Device
        from jnpr.junos.exception import ConnectError

        try:
            Device(host="127.0.0.1", port=9, user="a", passwd="b").open()
        except ConnectError as error:
            print(type(error).__name__)
        return
    if kind in ("eos", "ios", "nxos", "iosxr"):
        import napalm

        print(napalm.get_network_driver(kind).__name__)
        return
    from netmiko import ConnectHandler

    try:
        ConnectHandler(device_type=kind, host="127.0.0.1", port=9, username="a", password="b")
    except Exception as error:
        print(type(error).__name__)


def parsed(platform, command, path):
    from ntc_templates.parse import parse_output

    with open(path) as file:
        print(parse_output(platform=platform, command=command, data=file.read()))


def yang(path):
    from netaddr import EUI, IPNetwork

    with open(path) as file:
        for line in file:
            print(IPNetwork(line.strip()).broadcast, EUI("00-1b-77-49-54-fd").oui.registration().org)


COMMANDS = {
    "encrypt": lambda *a: print(genericConnect.secret(*a)),
    "decrypt": lambda *a: print(genericConnect.reveal(*a)),
    "key": lambda *a: print(genericConnect.key(*a)),
    "table": table,
    "junos": junos,
    "parse": parse,
    "render": render,
    "connect": connect,
    "parsed": parsed,
    "networks": yang,
}
COMMANDS[sys.argv[1]](*sys.argv[2:])
