// Certificates of a cluster: an authority of its own, and what it signs. Keys are of P-256, by Node; the encoding is by
// @peculiar/asn1-x509, which is loaded when certificates are made and never else.
//
// Not here: which files they go to (cluster-init.ts), who checks them (driver/nats, executor/fetch-blocks.ts).

import {
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  createHash,
  type KeyObject,
} from "node:crypto";
import { isIP } from "node:net";

/** PEM texts. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateWish {
  readonly name: string;
  /** Names and addresses by which it is reached. */
  readonly hosts: readonly string[];
  /** "client": it may also show itself to servers, as a NATS server does to the others of its cluster. */
  readonly uses: readonly ("server" | "client")[];
}

/** Nobody renews them: as long as the passwords, which are good until `shoal cluster init` is run anew. */
const days = 3650;
/** Clocks of machines differ. */
const backdatedMs = 86_400_000;
const ecdsaWithSha256 = "1.2.840.10045.4.3.2";

export class Authority {
  readonly identity: Identity;
  private readonly asn1: Awaited<ReturnType<typeof loadAsn1>>;
  private readonly name: string;
  private readonly key: KeyObject;

  static async make(name: string): Promise<Authority> {
    return new Authority(name, await loadAsn1());
  }

  private constructor(name: string, asn1: Awaited<ReturnType<typeof loadAsn1>>) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.asn1 = asn1;
    this.name = name;
    this.key = privateKey;
    const { BasicConstraints, KeyUsage, KeyUsageFlags } = asn1;
    const usage = new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign);
    this.identity = this.signed(name, privateKey, [
      this.extension(asn1.id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
      this.extension(asn1.id_ce_keyUsage, usage),
    ]);
  }

  /** A new key, and a certificate for it. */
  issue({ name, hosts, uses }: CertificateWish): Identity {
    const { asn1 } = this;
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const purposes = uses.map((use) => (use === "server" ? asn1.id_kp_serverAuth : asn1.id_kp_clientAuth));
    const names = hosts.map(
      (host) => new asn1.GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host }),
    );
    return this.signed(name, privateKey, [
      this.extension(asn1.id_ce_basicConstraints, new asn1.BasicConstraints({ cA: false })),
      this.extension(asn1.id_ce_keyUsage, new asn1.KeyUsage(asn1.KeyUsageFlags.digitalSignature)),
      this.extension(asn1.id_ce_extKeyUsage, new asn1.ExtendedKeyUsage(purposes), false),
      this.extension(asn1.id_ce_subjectAltName, new asn1.SubjectAlternativeName(names), false),
    ]);
  }

  private extension(extnID: string, value: object, critical = true): object {
    const { AsnConvert, Extension, OctetString } = this.asn1;
    return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
  }

  private signed(subject: string, key: KeyObject, extensions: readonly object[]): Identity {
    const { asn1 } = this;
    const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
    const signature = new asn1.AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
    const now = Date.now();
    const serial = randomBytes(16);
    serial[0] = (serial[0]! & 0x7f) | 0x40; // positive, and of this length
    const keyId = (der: Buffer): Buffer => createHash("sha256").update(der).digest().subarray(0, 20);
    const issuerKey = createPublicKey(this.key).export({ type: "spki", format: "der" });
    const body = new asn1.TBSCertificate({
      version: asn1.Version.v3,
      serialNumber: bytesOf(serial),
      signature,
      issuer: this.nameOf(this.name),
      validity: new asn1.Validity({
        notBefore: new Date(now - backdatedMs),
        notAfter: new Date(now + days * 86_400_000),
      }),
      subject: this.nameOf(subject),
      subjectPublicKeyInfo: asn1.AsnConvert.parse(publicKey, asn1.SubjectPublicKeyInfo),
      extensions: new asn1.Extensions([
        ...(extensions as never[]),
        this.extension(
          asn1.id_ce_subjectKeyIdentifier,
          new asn1.SubjectKeyIdentifier(bytesOf(keyId(publicKey))),
          false,
        ) as never,
        this.extension(
          asn1.id_ce_authorityKeyIdentifier,
          new asn1.AuthorityKeyIdentifier({
            keyIdentifier: new asn1.KeyIdentifier(bytesOf(keyId(issuerKey))),
          }),
          false,
        ) as never,
      ]),
    });
    const der = asn1.AsnConvert.serialize(
      new asn1.Certificate({
        tbsCertificate: body,
        signatureAlgorithm: signature,
        signatureValue: bytesOf(sign("sha256", Buffer.from(asn1.AsnConvert.serialize(body)), this.key)),
      }),
    );
    return {
      certificate: pem("CERTIFICATE", Buffer.from(der)),
      key: key.export({ type: "pkcs8", format: "pem" }) as string,
    };
  }

  private nameOf(text: string): InstanceType<Awaited<ReturnType<typeof loadAsn1>>["Name"]> {
    const { Name, RelativeDistinguishedName, AttributeTypeAndValue, AttributeValue } = this.asn1;
    const value = new AttributeValue({ utf8String: text });
    return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: "2.5.4.3", value })])]);
  }
}

async function loadAsn1() {
  const [{ AsnConvert, OctetString }, x509] = await Promise.all([
    import("@peculiar/asn1-schema"),
    import("@peculiar/asn1-x509"),
  ]);
  return { ...x509, AsnConvert, OctetString };
}

/** Copied: a Buffer may be a view of more than its own bytes. */
const bytesOf = (buffer: Buffer): ArrayBuffer => new Uint8Array(buffer).buffer;

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
