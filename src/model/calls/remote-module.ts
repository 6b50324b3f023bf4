// A user's module as use() sees it: bundled once, when it is first used; its functions by name.
//
// Owner of: its bundle, its targets. A module that changes on disk afterwards stays what it was in this connection.

import type { Bundle } from "../../bundle/bundle.ts";
import { cloneAll } from "../../data/calls/buffers.ts";
import { transferables } from "../../data/calls/moved.ts";
import type { CallHandle, Caller, CallPlane, Target } from "../../driver/call-plane.ts";
import type { CallForm } from "../../protocol/calls.ts";
import { DeferredCall } from "./deferred-call.ts";
import type { CallOptions, InnerOptions } from "./options.ts";
import { remoteFunction, type RemoteFunction } from "./remote.ts";

export interface ModuleSettings {
  readonly plane: CallPlane;
  readonly runtime: { readonly url: string };
  /** Makes the bundle of a module, by its name as it was given. */
  readonly bundle: (module: string) => Promise<ModuleBundle>;
}

export type ModuleBundle = Pick<Bundle, "file" | "entry" | "hash">;

/** A call of one of its functions. */
export interface ModuleCall {
  readonly name: string;
  readonly form: CallForm;
  readonly args: readonly unknown[];
  /** What of them changes hands. */
  readonly transfer: readonly ArrayBuffer[];
  readonly options: CallOptions;
  readonly caller: Caller | null;
}

/** What is moved is gone from the caller now, not when the bundle is there. */
function movedNow(call: ModuleCall): ModuleCall {
  const args = cloneAll(call.args, call.transfer);
  return { ...call, args, transfer: transferables(args, "the arguments") };
}

export class RemoteModule {
  /** As it was named. */
  readonly name: string;
  private readonly settings: ModuleSettings;
  private readonly functions = new Map<string, RemoteFunction>();
  private readonly targets = new Map<string, Target>();
  private bundled: ModuleBundle | null = null;
  private bundling: Promise<ModuleBundle> | null = null;

  constructor(module: URL | string, settings: ModuleSettings) {
    this.name = String(module);
    this.settings = settings;
  }

  /** The remote functions by name; asked for one that is not there, it gives one whose calls reject. */
  get exports(): object {
    return new Proxy(Object.freeze({}), {
      get: (_none, name) => (typeof name === "string" && name !== "then" ? this.function(name) : undefined),
    });
  }

  /** Its bundle, made now if that has not begun. */
  load(): Promise<ModuleBundle> {
    return (this.bundling ??= this.bundleNow());
  }

  start(call: ModuleCall): CallHandle {
    if (this.bundled !== null) return this.startNow(call, 0, false);
    const since = performance.now();
    const kept = call.transfer.length === 0 ? call : movedNow(call);
    return new DeferredCall(
      this.load().then(() => this.startNow(kept, performance.now() - since, false)),
      call.options.signal ?? null,
    );
  }

  /** For a call that runs in a slot. */
  async startNested(
    name: string,
    form: CallForm,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<CallHandle> {
    const since = performance.now();
    await this.load();
    const call = { name, form, args, transfer: [], options, caller: null };
    return this.startNow(call, performance.now() - since, true);
  }

  private startNow(call: ModuleCall, waitedMs: number, isNested: boolean): CallHandle {
    const { name, form, args, transfer, caller } = call;
    const { signal = null, deadlineMs, priority = 0, retries = 0, keep } = call.options as InnerOptions;
    return this.settings.plane.start({
      isNested,
      target: this.targetOf(name),
      form,
      args,
      transfer,
      signal,
      deadlineMs: deadlineMs ?? null,
      waitedMs,
      priority,
      retries,
      caller,
      keep,
    });
  }

  private targetOf(name: string): Target {
    const found = this.targets.get(name);
    if (found !== undefined) return found;
    const { plane, runtime } = this.settings;
    const { file, entry } = this.bundled!;
    const target = plane.target({ bundle: file, runtime: runtime.url, module: entry, name });
    this.targets.set(name, target);
    return target;
  }

  private function(name: string): RemoteFunction {
    const found = this.functions.get(name) ?? remoteFunction(this, name, {});
    this.functions.set(name, found);
    return found;
  }

  private async bundleNow(): Promise<ModuleBundle> {
    const { plane, bundle } = this.settings;
    plane.warm(); // beside the bundling, which takes about as long
    return (this.bundled = await bundle(this.name));
  }
}
