import distutils.util

import jieba
import numpy as np

jieba.setLogLevel(60)


class UIE:
    def __init__(self, lazy):
        self.lazy = bool(distutils.util.strtobool(lazy))

    def cut(self, text):
        return jieba.lcut(text)

    def search(self, text):
        return jieba.lcut_for_search(text)

    def tags(self, text):
        import jieba.analyse

        return jieba.analyse.extract_tags(text, topK=3)

    def rank(self, text):
        import jieba.analyse

        return sorted(jieba.analyse.textrank(text, topK=3))

    def parts(self, text):
        import jieba.posseg

        return [[w.word, w.flag] for w in jieba.posseg.cut(text)]

    def pinyin(self, text):
        from pypinyin import Style, pinyin

        return pinyin(text, style=Style.TONE3, heteronym=True)

    def traditional(self, text):
        from opencc import OpenCC

        return OpenCC("s2t").convert(text)

    def emoji(self, text):
        import emoji

        return emoji.demojize(text) + emoji.emojize(":spouting_whale:") + emoji.demojize("🐳", language="de")

    def stats(self, text):
        values = np.array([ord(c) for c in text], dtype=float)
        return [
            round(float(x), 2)
            for x in (values.mean(), np.median(values), np.fft.fft(values)[0].real, np.linalg.norm(values))
        ]

    def random(self, text):
        return int(np.random.default_rng(len(text)).integers(100))
