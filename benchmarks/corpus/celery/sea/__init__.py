from celery import Celery

app = Celery("sea", broker="redis://127.0.0.1/0", backend="redis://127.0.0.1/1", include=["sea.tasks"])
app.conf.update(
    accept_content=["json", "yaml", "msgpack", "pickle"], timezone="Europe/Vienna", task_soft_time_limit=5
)
