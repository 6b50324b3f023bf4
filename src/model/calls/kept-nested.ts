// Memoized functions that user code in slots calls: the program keeps their results.
//
// Owner of: their KeptCalls, one for each function and each way of keeping it.

import type { KeepLimits } from "../../protocol/calls.ts";
import { KeptCalls } from "./kept-calls.ts";
import type { RemoteModule } from "./remote-module.ts";

export class NestedKept {
  private readonly byFunction = new Map<string, KeptCalls>();

  calls(module: RemoteModule, name: string, limits: KeepLimits): KeptCalls {
    const key = JSON.stringify([module.name, name, limits.ttlMs, limits.bytesMax]);
    const found =
      this.byFunction.get(key) ??
      new KeptCalls(
        {
          name,
          load: () => module.load(),
          start: (form, args, options) => module.startNested(name, form, args, options),
        },
        limits,
      );
    this.byFunction.set(key, found);
    return found;
  }
}
