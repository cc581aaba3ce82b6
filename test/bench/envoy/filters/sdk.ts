/**
 * The bench's filter that does the same job in the SDK's own way: a context class for each request, headers as strings.
 * It seals nothing: the cookie `AFS` holds the base64 that names the pod to stateful_session.
 */
export * from "proxy-wasm-assemblyscript-sdk/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  registerRootContext,
  RootContext,
  stream_context,
} from "proxy-wasm-assemblyscript-sdk/assembly";

const HOST = "x-affinity-host";
const NAME = "AFS=";

// Where the SDK's log writes to; its own home has a package for it. Nothing here is logged at a level that is on.
class Output {
  write(text: string): void {}
}
// @ts-ignore: decorator
@global
class SilentProcess {
  static stdout: Output = new Output();
}

class AffinityRoot extends RootContext {
  createContext(context: u32): Context {
    return new Affinity(context, this);
  }
}

class Affinity extends Context {
  constructor(context: u32, root: RootContext) {
    super(context, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const request = stream_context.headers.request;
    const cookies = request.get("cookie").split("; ");
    for (let i = 0; i < cookies.length; i++) {
      if (!cookies[i].startsWith(NAME)) continue;
      request.replace(HOST, cookies[i].substring(NAME.length));
      return FilterHeadersStatusValues.Continue;
    }
    request.remove(HOST);
    return FilterHeadersStatusValues.Continue;
  }

  onResponseHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const response = stream_context.headers.response;
    const host = response.get(HOST);
    if (host.length > 0) {
      response.remove(HOST);
      response.add("set-cookie", NAME + host + "; Path=/; HttpOnly");
    }
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((context: u32) => new AffinityRoot(context), "affinity");
