from fast_uie import UIE

model = UIE(lazy="yes")


def text_cls(text, how="cut"):
    return getattr(model, how)(text)
