import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from model_infer import text_cls

app = FastAPI()


@app.get("/")
def root():
    return {"labels": text_cls("我来到北京清华大学")}


@app.get("/cls")
def cls(text: str = "鲸鱼在海里", how: str = "cut"):
    return text_cls(text, how)


@app.get("/stem")
def stem(word: str, how: str = "porter"):
    from nltk.stem import LancasterStemmer, PorterStemmer, SnowballStemmer

    return {"porter": PorterStemmer, "lancaster": LancasterStemmer}.get(
        how, lambda: SnowballStemmer(how)
    )().stem(word)


@app.get("/distance")
def distance(a: str, b: str):
    from nltk.metrics import edit_distance

    return edit_distance(a, b)


@app.get("/bleu")
def bleu():
    from nltk.translate.bleu_score import sentence_bleu

    return round(sentence_bleu([["a", "b", "c", "d"]], ["a", "b", "c", "d"]), 3)


@app.get("/config", response_class=PlainTextResponse)
def config():
    import yaml

    return yaml.dump(yaml.safe_load(open("/paddle/config.yaml")))


@app.get("/number")
def number(n: int):
    return n * 2


@app.get("/fetch")
def fetch():
    import requests

    try:
        requests.get("https://127.0.0.1:9/", timeout=1)
    except requests.RequestException as error:
        return type(error).__name__


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=8040, log_level="warning")
