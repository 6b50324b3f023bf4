// The functions side of a connection: its call plane, started when it is first needed, and the modules that are used.

import { toThrown } from "../../data/calls/thrown.ts";
import type { CallFigures, CallPlane, DrainResult, NestedRequest } from "../../driver/call-plane.ts";
import { ShoalError } from "../../errors.ts";
import type { NestedResult } from "../../protocol/calls.ts";
import type { Inputs } from "./item-source.ts";
import { startKept } from "./kept-batch.ts";
import { NestedKept } from "./kept-nested.ts";
import { MapResults, type MapOptions } from "./map.ts";
import { RemoteModule, type ModuleSettings } from "./remote-module.ts";
import { remoteOf } from "./remote.ts";
import { cacheSettled } from "./result-caches.ts";

export interface FunctionsSettings extends Omit<ModuleSettings, "plane"> {
  /** Makes the plane. */
  readonly calls: () => CallPlane;
  readonly slots: number;
  readonly stateDir: string;
}

/** For a call that user code in a slot makes. */
export const noStreams = (name: string): ShoalError =>
  new ShoalError(
    "VALUE_INVALID",
    `${name} gives a stream, and was called from a slot, where calls give values only`,
    {
      hint: "Let the function return an array, or call it from the program itself.",
    },
  );

export class Functions {
  private readonly settings: FunctionsSettings;
  private readonly modules = new Map<string, RemoteModule>();
  private readonly kept = new NestedKept();
  private started: CallPlane | null = null;
  private isClosed = false;

  constructor(settings: FunctionsSettings) {
    this.settings = settings;
  }

  /** The module, to be bundled now: it is going to be used. */
  use(module: URL | string): RemoteModule {
    const used = this.module(module);
    used.load().catch(() => {}); // told by each call
    return used;
  }

  get plane(): CallPlane {
    if (this.isClosed) throw new ShoalError("CLOSED", "the connection was closed");
    if (this.started === null) {
      this.started = this.settings.calls();
      this.started.onNested = (request) => this.nested(request);
    }
    return this.started;
  }

  map(fn: unknown, inputs: Inputs<unknown>, options: MapOptions): MapResults<unknown> {
    const ref = remoteOf(fn, "the function of map()");
    const { stateDir } = this.settings;
    const slots = (): number => this.started?.width ?? this.settings.slots;
    const journal = async (name: string) => {
      const [{ MapJournal }, { functionHash }, bundle] = await Promise.all([
        import("./map-journal.ts"),
        import("../../bundle/function-hash.ts"),
        ref.module.load(),
      ]);
      return await MapJournal.open(stateDir, name, (await functionHash(bundle, ref.name)).hash);
    };
    return new MapResults(inputs, options, { fn: ref, slots, journal });
  }

  figures(): CallFigures | null {
    return this.started?.figures() ?? null;
  }

  end(which: "waiting" | "running", reason: unknown): number {
    return this.started?.end(which, reason) ?? 0;
  }

  async drain(deadlineMs: number | null): Promise<DrainResult> {
    return this.started === null ? { ended: 0, cancelled: 0 } : await this.started.drain(deadlineMs);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.started?.close();
    await cacheSettled(this.settings.stateDir);
  }

  private module(module: URL | string): RemoteModule {
    const name = String(module);
    const found = this.modules.get(name) ?? new RemoteModule(module, { ...this.settings, plane: this.plane });
    this.modules.set(name, found);
    return found;
  }

  /** A call that user code in a slot makes. */
  private async nested({ module, name, form, args, options, signal }: NestedRequest): Promise<NestedResult> {
    try {
      const { keep, ...rest } = options;
      const used = this.module(module);
      if (keep !== undefined) {
        const kept = this.kept.calls(used, name, keep);
        return { kind: "value", value: await startKept(kept, form, args, { ...rest, signal }, null) };
      }
      const handle = await used.startNested(name, form, args, { ...rest, signal });
      const value = await handle.promise;
      if (handle.isStream !== true) return { kind: "value", value };
      handle.stop?.();
      return { kind: "thrown", thrown: toThrown(noStreams(name)) };
    } catch (error) {
      return { kind: "thrown", thrown: toThrown(error) };
    }
  }
}
