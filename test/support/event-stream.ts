import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import { EventSource } from "eventsource";
import { closeLater, until } from "./check.ts";

// How soon a client reconnects, as the pod tells it by `retry:`; the library's own time is three seconds.
const RETRY_MILLISECONDS = 20;

/** A stream of server-sent events that a pod holds open. */
class EventStream {
  readonly request: IncomingMessage;
  #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.#response = response;
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    response.write(`retry: ${RETRY_MILLISECONDS}\n\n`);
  }

  /** The pod that has it. */
  get pod(): string {
    return String(this.#response.getHeader("x-pod"));
  }

  send(id: number, data: string): void {
    this.#response.write(`id: ${id}\ndata: ${data}\n\n`);
  }

  end(): void {
    this.#response.end();
  }
}

/** What a Pod does with requests for server-sent events: it holds them for the test to write to. */
export class EventStreams {
  /** Every stream that was opened, oldest first, whichever the pod. */
  readonly opened: EventStream[] = [];

  readonly behaviour = (request: IncomingMessage, response: ServerResponse): void => {
    this.opened.push(new EventStream(request, response));
  };

  /** Waits until so many streams were opened, and returns the newest. */
  nth(count: number): Promise<EventStream> {
    return until(
      `${count} event streams were opened`,
      () => this.opened.length >= count && this.opened[count - 1],
    );
  }
}

interface Connection {
  status: number;
  pod: string;
  setCookie: string[];
}

/** An EventSource with a cookie jar, as a browser has it; fetch names no host but the URL's: 127.0.0.1. */
export class Listener {
  /** Every answer that it got, oldest first. */
  readonly connections: Connection[] = [];
  readonly events: { id: string; data: string }[] = [];
  cookie: string | undefined;
  readonly #source: EventSource;

  constructor(port: number, cookie?: string) {
    this.cookie = cookie;
    this.#source = new EventSource(`http://127.0.0.1:${port}/events`, {
      fetch: async (url, init) => {
        const headers = { ...init.headers, ...(this.cookie && { cookie: this.cookie }) };
        const response = await fetch(url, { ...init, headers });
        this.#keep(response);
        return response;
      },
    });
    this.#source.addEventListener("message", ({ lastEventId: id, data }) => this.events.push({ id, data }));
    closeLater(this);
  }

  /** Waits for the next event; ask before it is sent. */
  async next(): Promise<{ id: string; data: string }> {
    const [event] = await once(this.#source, "message", { signal: AbortSignal.timeout(20_000) });
    return { id: event.lastEventId, data: event.data };
  }

  close(): void {
    this.#source.close();
  }

  #keep({ status, headers }: Response): void {
    const setCookie = headers.getSetCookie();
    this.connections.push({ status, pod: headers.get("x-pod") ?? "", setCookie });
    for (const line of setCookie) this.cookie = line.split(";", 1)[0];
  }
}
