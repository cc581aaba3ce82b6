import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { closeLater } from "./check.ts";
import { STICKY_HOST } from "./client.ts";

interface MetadataReply {
  /** Null when the call went well. */
  error: ServiceError | null;
  initial: Metadata;
}

const bytesOf = (text: string): Buffer => Buffer.from(text);
const textOf = (bytes: Buffer): string => bytes.toString();

/** One call of the method Say that ./grpc-service.ts serves, with this metadata, on a connection of its own. */
export function sayWith(port: number, entries: Readonly<Record<string, string>>): Promise<MetadataReply> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.default_authority": STICKY_HOST,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
  });
  closeLater({ close: () => client.close() });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  const deadline = { deadline: Date.now() + 20_000 };
  return new Promise((resolve) => {
    let initial = new Metadata();
    client
      .makeUnaryRequest("/echo.Echo/Say", bytesOf, textOf, "hello", metadata, deadline, (error) =>
        resolve({ error, initial }),
      )
      .on("metadata", (received) => (initial = received));
  });
}
