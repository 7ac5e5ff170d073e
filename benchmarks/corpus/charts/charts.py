import argparse
import sys

import pandas as pd


def table(args):
    frame = read(args)
    if args.by:
        frame = frame.groupby(args.by).sum(numeric_only=True).reset_index()
    out = {
        "text": lambda: frame.to_string(),
        "csv": lambda: frame.to_csv(index=False),
        "json": lambda: frame.to_json(orient="records"),
        "html": lambda: frame.to_html(index=False),
        "markdown": lambda: frame.to_markdown(),
        "latex": lambda: frame.style.to_latex(),
        "xml": lambda: frame.to_xml(),
        "excel": lambda: (frame.to_excel("/tmp/a.xlsx"), pd.read_excel("/tmp/a.xlsx").shape)[1],
        "parquet": lambda: frame.to_parquet(None),
    }
    print(out[args.to]())


def read(args):
    return {
        "csv": pd.read_csv,
        "json": pd.read_json,
        "xml": pd.read_xml,
        "html": lambda f: pd.read_html(f)[0],
    }[args.file.rsplit(".")[-1]](args.file)


def plot(args):
    import hashlib
    import io

    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = "a"
    if args.style:
        plt.style.use(args.style if args.style != "own" else "styles/own.mplstyle")
    frame = read(args)
    if args.locale:
        import locale

        locale.setlocale(locale.LC_ALL, args.locale)
        matplotlib.rcParams["axes.formatter.use_locale"] = True
    ax = frame.plot(kind=args.kind, x=frame.columns[0], y=frame.columns[-1], title=args.title)
    buffer = io.BytesIO()
    ax.get_figure().savefig(
        buffer,
        format=args.to,
        metadata={"Date": None} if args.to == "svg" else {"CreationDate": None} if args.to == "pdf" else None,
    )
    data = buffer.getvalue()
    print(args.to, len(data) if args.to == "ps" else hashlib.sha256(data).hexdigest())


def main():
    parser = argparse.ArgumentParser(description="Tables and charts.")
    sub = parser.add_subparsers(dest="verb", required=True)
    t = sub.add_parser("table")
    t.add_argument("file")
    t.add_argument("--to", default="text")
    t.add_argument("--by")
    t.set_defaults(run=table)
    p = sub.add_parser("plot")
    p.add_argument("file")
    p.add_argument("--to", default="png")
    p.add_argument("--kind", default="bar")
    p.add_argument("--style")
    p.add_argument("--locale")
    p.add_argument("--title", default="Whales")
    p.set_defaults(run=plot)
    args = parser.parse_args()
    try:
        args.run(args)
    except (OSError, KeyError, ValueError) as error:
        sys.exit(f"charts: {type(error).__name__}: {error}")


main()
