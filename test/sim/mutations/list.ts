// All planted bugs.

import { budgets } from "./budgets.ts";
import { endings } from "./endings.ts";
import type { Mutation } from "./mutation.ts";
import { places } from "./places.ts";
import { recovery } from "./recovery.ts";
import { winners } from "./winners.ts";

export const mutations: readonly Mutation[] = [...winners, ...recovery, ...budgets, ...endings, ...places];
