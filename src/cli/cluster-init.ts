// `shoal cluster init`: credentials for a cluster.

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
  options: ["directory", "name", "port", "json", "help"],
  abouts: { directory: "where the files are written (default: cluster)" },
  about:
    "Makes credentials for a cluster: a configuration for its NATS server, and an address for each role (worker,\n" +
    "client, viewer), with permissions by subject. Addresses are given as --cluster @file, so that passwords are\n" +
    "on no command line.",
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
    });
    const shown = escapeLine;
    return {
      members: () => ({ ...files }),
      text: () => [
        `nats-server -c ${shown(files.configuration)}\n`,
        `shoal worker --cluster @${shown(files.worker)}\n`,
        `shoal run job.ts --cluster @${shown(files.client)}\n`,
        `shoal workers --cluster @${shown(files.viewer)}\n`,
      ],
    };
  });
}
