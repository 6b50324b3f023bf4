// `shoal cluster init`: credentials for a cluster.

import path from "node:path";
import { ShoalError } from "../errors.ts";
import { loadClusterApi } from "./api.ts";
import { wholeOf } from "./cluster-options.ts";
import type { ExitCode } from "./exit-codes.ts";
import { perform, type CommandShape } from "./jobs-line.ts";
import { escapeLine, quote } from "./printable.ts";
import type { Surroundings } from "./run.ts";

const shape: CommandShape = {
  name: "cluster",
  usage: "init [options]",
  takes: "action",
  options: ["directory", "name", "host", "port", "json", "help"],
  abouts: {
    directory: "where the files are written (default: cluster)",
    host: "name or address of a NATS server, off loopback; repeated for a cluster of three or five",
  },
  about:
    "Makes credentials for a cluster: a configuration for its NATS server, and an address for each role (worker,\n" +
    "client, viewer), with permissions by subject. Addresses are given as --cluster @file, so that passwords are\n" +
    "on no command line.\n\n" +
    "With --host, everything goes over TLS: an authority is made for the cluster, certificates for its NATS servers\n" +
    "and one for its workers; the files of the roles have what each needs of them.",
};

export async function cluster(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(shape, args, around, async (line) => {
    if (line.argument !== "init") {
      const received = line.argument === undefined ? "nothing" : quote(line.argument);
      throw new ShoalError("BAD_OPTION", `shoal cluster does "init", received ${received}`, {
        hint: "Write: shoal cluster init",
      });
    }
    const port = wholeOf(line, "port", 1, 65_535);
    const { text } = line;
    const files = await (
      await loadClusterApi()
    ).initCluster({
      ...(text.directory === undefined ? {} : { directory: text.directory }),
      ...(text.name === undefined ? {} : { name: text.name }),
      ...(port === undefined ? {} : { port }),
      ...(line.hosts.length === 0 ? {} : { hosts: line.hosts }),
    });
    const shown = escapeLine;
    const isFar = files.authority !== null;
    const servers = files.configurations.map((file) =>
      isFar
        ? `(cd ${shown(path.dirname(file))} && nats-server -c ${path.basename(file)})\n`
        : `nats-server -c ${shown(file)}\n`,
    );
    return {
      members: () => ({ ...files }),
      text: () => [
        ...servers,
        `shoal worker --cluster @${shown(files.worker)}${isFar ? " --host <its address>" : ""}\n`,
        `shoal run job.ts --cluster @${shown(files.client)}\n`,
        `shoal workers --cluster @${shown(files.viewer)}\n`,
      ],
    };
  });
}
