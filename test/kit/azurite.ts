// A real server that speaks Azure's Blob storage, for tests: Microsoft's Azurite, on a free port of loopback, in memory.
// It is too large to be installed with the rest (190 MB): `npm install --prefix tmp/azurite azurite@3.35.0`.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { freePort } from "./nats.ts";
import { until } from "./processes.ts";

export interface AzureServer {
  readonly endpoint: string;
  /** For programs that use it. */
  readonly env: Readonly<Record<string, string>>;
  makeContainer(name: string): Promise<void>;
  close(): Promise<void>;
}

const program =
  process.env["SHOAL_AZURITE"] ??
  path.resolve(import.meta.dirname, "../../tmp/azurite/node_modules/azurite/dist/src/blob/main.js");

export const hasAzurite = (): boolean => existsSync(program);

/** The well-known ones of every emulator. */
const account = "devstoreaccount1";
const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

export async function startAzurite(): Promise<AzureServer> {
  const port = await freePort();
  const where = ["--blobHost", "127.0.0.1", "--blobPort", String(port), "--inMemoryPersistence"];
  const quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"];
  const child = spawn(process.execPath, [program, ...where, ...quiet], { stdio: "ignore" });
  const endpoint = `http://127.0.0.1:${port}/${account}`;
  const answers = (): Promise<boolean> =>
    fetch(endpoint).then(
      () => true,
      () => false,
    );
  await until("Azurite answers", answers, 60_000);
  return {
    endpoint,
    env: {
      AZURE_STORAGE_ACCOUNT: account,
      AZURE_STORAGE_KEY: key,
      AZURE_STORAGE_SERVICE_ENDPOINT: endpoint,
    },
    makeContainer: async (name) => {
      const headers = { "x-ms-date": new Date().toUTCString(), "x-ms-version": "2021-08-06" };
      const signed = `PUT${"\n".repeat(12)}${Object.entries(headers)
        .map(([header, value]) => `${header}:${value}\n`)
        .join("")}/${account}/${account}/${name}\nrestype:container`;
      const signature = createHmac("sha256", Buffer.from(key, "base64")).update(signed).digest("base64");
      const made = await fetch(`${endpoint}/${name}?restype=container`, {
        method: "PUT",
        headers: { ...headers, Authorization: `SharedKey ${account}:${signature}` },
      });
      if (!made.ok) throw new Error(`${made.status} ${await made.text()}`);
    },
    close: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    },
  };
}
