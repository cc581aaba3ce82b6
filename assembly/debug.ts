import * as host from "./host";
import { HeaderMap } from "./host";

/** Who may have a request explained in the log: whoever sends the secret in this header. */
export class Debug {
  private readonly header: ArrayBuffer;
  private readonly secret: ArrayBuffer;

  constructor(header: string, secret: string) {
    this.header = String.UTF8.encode(header);
    this.secret = String.UTF8.encode(secret);
  }

  /** Whether this request asks for it. Takes the header away: no pod gets to know the secret. */
  isAsked(): bool {
    if (!host.getHeader(HeaderMap.Request, this.header)) return false;
    const asked = host.valueLength == this.secret.byteLength && this.isSecret(host.value);
    host.removeHeader(HeaderMap.Request, this.header);
    return asked;
  }

  /** Compares all bytes whatever they are: the time must not tell how many of a guess were right. */
  private isSecret(guess: usize): bool {
    const secret = changetype<usize>(this.secret);
    let difference: u8 = 0;
    for (let i: usize = 0; i < <usize>this.secret.byteLength; i++)
      difference |= load<u8>(secret + i) ^ load<u8>(guess + i);
    return difference == 0;
  }
}
