from tabulate import tabulate


class Table:
    def dump(self, rows):
        return tabulate(rows, headers="keys", tablefmt="github")
