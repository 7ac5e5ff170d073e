import argparse


def main():
    parser = argparse.ArgumentParser(prog="buoy")
    sub = parser.add_subparsers(dest="verb", required=True)
    sub.add_parser("serve")
    ask = sub.add_parser("ask")
    ask.add_argument("name")
    sub.add_parser("all")
    sub.add_parser("health")
    sub.add_parser("services")
    dump = sub.add_parser("dump")
    dump.add_argument("--as", dest="kind", choices=["json", "text", "yaml", "msgpack"], default="json")
    args = parser.parse_args()
    if args.verb == "serve":
        from buoy.server import serve

        serve()
    else:
        from buoy import client

        getattr(client, args.verb)(args)


main()
