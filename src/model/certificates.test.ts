import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { Authority } from "./certificates.ts";

test("an authority signs certificates for names and addresses, with keys of their own", async () => {
  const authority = await Authority.make("a test");
  const wish = {
    name: "server",
    hosts: ["10.0.0.1", "fd00::1", "nats.example"],
    uses: ["server", "client"],
  } as const;
  const [first, second] = [authority.issue(wish), authority.issue(wish)];
  const root = new X509Certificate(authority.identity.certificate);
  const certificate = new X509Certificate(first.certificate);
  expect(root.ca).toBe(true);
  expect(root.verify(root.publicKey)).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(certificate.checkIssued(root)).toBe(true);
  expect(certificate.verify(root.publicKey)).toBe(true);
  expect(certificate.checkIP("10.0.0.1")).toBeDefined();
  expect(certificate.checkIP("fd00::1")).toBeDefined();
  expect(certificate.checkHost("nats.example")).toBeDefined();
  expect(certificate.checkIP("10.0.0.2")).toBeUndefined();
  expect(certificate.serialNumber).not.toBe(new X509Certificate(second.certificate).serialNumber);
  expect(first.key).not.toBe(second.key);
});
