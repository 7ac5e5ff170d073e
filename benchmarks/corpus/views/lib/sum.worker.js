require("worker_threads").parentPort.postMessage(6 * 7);
