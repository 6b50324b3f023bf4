import { parentPort } from "node:worker_threads";
import { serve } from "./serve.mjs";
parentPort.on("message", ([call, ms]) => parentPort.postMessage([call, serve(ms)]));
