import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority, type Identity } from "../../model/certificates.ts";
import { checkServer, parseClusterUrl, redacted } from "./address.ts";

let ca: string;
let own: Identity;
let directory: string;
beforeAll(async () => {
  const authority = await Authority.make("a test");
  ca = authority.identity.certificate;
  own = authority.issue({ name: "worker", hosts: ["w.example"], uses: ["server"] });
  directory = mkdtempSync(path.join(tmpdir(), "shoal-address-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("an address on loopback needs nothing", () => {
  expect(parseClusterUrl("nats://127.0.0.1:4222")).toEqual({
    servers: ["127.0.0.1:4222"],
    cluster: "main",
    user: null,
    password: null,
    tls: false,
    ca: null,
    identity: null,
    replicas: null,
    isLocal: true,
  });
});

test("several servers, a role, a cluster, its own number of copies", () => {
  const address = parseClusterUrl("tls://worker:p%40ss@nats-1.example,[fd00::2]:4333/nightly?replicas=1\n");
  expect(address).toMatchObject({
    servers: ["nats-1.example", "[fd00::2]:4333"],
    cluster: "nightly",
    user: "worker",
    password: "p@ss",
    tls: true,
    replicas: 1,
    isLocal: false,
  });
});

test("what goes with it is on the lines after it", () => {
  const text = `tls://worker:pw@10.0.0.1/prod\n${ca}${own.certificate}${own.key}`;
  const { ca: authorities, identity } = parseClusterUrl(text);
  expect(`${authorities}\n`).toBe(ca);
  expect(`${identity?.cert}\n`).toBe(own.certificate);
  expect(`${identity?.key}\n`).toBe(own.key);
  expect(redacted(text)).toBe("tls://worker:…@10.0.0.1/prod");
});

test("an authority of one's own is named by its file", () => {
  const file = path.join(directory, "ca.pem");
  writeFileSync(file, `Issued by us.\n${ca}`);
  expect(`${parseClusterUrl(`tls://10.0.0.1?ca=${file}`).ca}\n`).toBe(ca);
});

describe("is refused, and says why", () => {
  test.each([
    ["http://127.0.0.1", /must be nats:\/\/host:port\/cluster/],
    ["nats://127.0.0.1/a_b", /letters, digits/],
    ["nats://a b:4222", /is no host/],
    ["nats://127.0.0.1?replicas=9", /replicas=<1 to 5>.*received "replicas=9"/],
    ["nats://127.0.0.1?copies=2", /received "copies=2"/],
    ["tls://10.0.0.1?ca=/nowhere.pem", /ca=\/nowhere\.pem, which cannot be read/],
    ["nats://client:secret@10.0.0.1:4222", /^nats:\/\/client:…@10\.0\.0\.1:4222 is not on loopback: .*clear/],
    ["nats://127.0.0.1,example.com", /not on loopback/],
    ["tls://10.0.0.1\nhello", /and nothing else/],
    ["tls://10.0.0.1\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", /cannot be read/],
  ])("%s", (text, why) => {
    expect(() => parseClusterUrl(text)).toThrow(why);
    expect(() => parseClusterUrl(text)).not.toThrow(/secret/);
  });

  test("a certificate without its key", () => {
    expect(() => parseClusterUrl(`tls://10.0.0.1\n${own.certificate}`)).toThrow(/one of them is missing/);
    expect(() => parseClusterUrl(`tls://10.0.0.1\n${own.key}`)).toThrow(/one of them is missing/);
  });
});

test("the clear is for networks of which somebody says so", () => {
  expect(parseClusterUrl("nats://10.0.0.1?plain=yes")).toMatchObject({ tls: false, isLocal: false });
});

test("a server's certificate must be for one of the hosts", () => {
  const address = parseClusterUrl("tls://10.0.0.1:4222,nats.example/prod");
  const shows = (names: string) => checkServer(address, { subjectaltname: names } as never);
  expect(shows("IP Address:10.0.0.1")).toBeUndefined();
  expect(shows("DNS:nats.example")).toBeUndefined();
  expect(shows("DNS:localhost, IP Address:10.0.0.2")).toBeInstanceOf(Error);
});
