// Who may do what on the cluster's NATS server: permissions on subjects, by role, for its configuration.
//
//   worker    speaks at the doors of jobs, leads submitted ones, keeps records and journals
//   client    opens jobs, speaks to workers' seats, leases slots, submits and cancels
//   viewer    asks who is there, reads records and journals, follows; changes nothing
//
// Answers to requests are allowed to whoever was asked, and to no other. Pure.

import { Subjects } from "./subjects.ts";

export const roles = ["worker", "client", "viewer"] as const;
export type Role = (typeof roles)[number];

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer what it is asked. */
  readonly responds: boolean;
}

export const inboxOf = (role: string): string => `_INBOX_${role}`;

export function permissionsOf(role: Role, cluster: string): Permissions {
  const s = new Subjects(cluster);
  const inbox = `${inboxOf(role)}.>`;
  const any = "*";
  switch (role) {
    case "worker":
      return {
        publish: [
          s.door(any, any),
          s.lease(any, any, "up"),
          s.exited,
          s.here,
          // as the leader of a submitted job
          s.open,
          s.seat(any, any),
          s.who,
          s.said(any),
          s.journal(any),
          ...writing(s.bucket, [s.results, s.bundles], [s.journals]),
        ],
        subscribe: [
          s.who,
          s.open,
          s.worker(any),
          s.seat(any, any),
          s.lease(any, any, "down"),
          s.door(any, any),
          s.exited,
          s.cancel(any),
          inbox,
        ],
        responds: true,
      };
    case "client":
      return {
        publish: [
          s.who,
          s.open,
          s.worker(any),
          s.seat(any, any),
          s.lease(any, any, "down"),
          s.cancel(any),
          ...writing(s.bucket, [s.bundles, s.results], [s.journals]),
        ],
        subscribe: [s.door(any, any), s.lease(any, any, "up"), s.exited, s.here, s.said(any), inbox],
        responds: false,
      };
    case "viewer":
      return {
        publish: [s.who, ...reading(s.bucket, s.journals)],
        subscribe: [s.said(any), inbox],
        responds: false,
      };
  }
}

/** Of a bucket, object stores and streams: making them, and changing what is in them. */
function writing(bucket: string, stores: readonly string[], streams: readonly string[]): string[] {
  const all = [`KV_${bucket}`, ...stores.map((store) => `OBJ_${store}`), ...streams];
  return [
    "$JS.API.INFO",
    `$KV.${bucket}.>`,
    ...stores.map((store) => `$O.${store}.>`),
    ...all.flatMap((stream) => [
      `$JS.API.STREAM.CREATE.${stream}`,
      `$JS.API.STREAM.INFO.${stream}`,
      `$JS.API.STREAM.PURGE.${stream}`,
      `$JS.API.STREAM.MSG.GET.${stream}`,
      `$JS.API.STREAM.MSG.DELETE.${stream}`,
      `$JS.API.DIRECT.GET.${stream}`,
      `$JS.API.DIRECT.GET.${stream}.>`,
      ...consuming(stream),
    ]),
  ];
}

/** Reading a bucket and a stream. */
const reading = (bucket: string, stream: string): string[] => [
  "$JS.API.INFO",
  ...[`KV_${bucket}`, stream].flatMap((name) => [
    `$JS.API.STREAM.INFO.${name}`,
    `$JS.API.STREAM.MSG.GET.${name}`,
    `$JS.API.DIRECT.GET.${name}`,
    `$JS.API.DIRECT.GET.${name}.>`,
    ...consuming(name),
  ]),
];

const consuming = (stream: string): string[] => [
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  `$JS.API.CONSUMER.INFO.${stream}.>`,
  `$JS.API.CONSUMER.DELETE.${stream}.>`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.>`,
  `$JS.ACK.${stream}.>`,
  `$JS.FC.${stream}.>`,
];
