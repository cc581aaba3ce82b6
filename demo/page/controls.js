import { element, isAble, keyedItems, setAble, setText, suffix } from "./dom.js";

const MOST_PODS = 20;

/**
 * The buttons that act on the demo's processes. They are in the page when this is made.
 *
 * @param act takes `{ doing, done, path, body, restarts }`: what to say, and which POST does it
 */
export class Controls {
  #act;
  #state = null;
  #isBusy = false;

  constructor(act) {
    this.#act = act;
    const press = (id, action) => {
      const button = document.getElementById(id);
      button.addEventListener("click", () => isAble(button) && act(action()));
    };
    press("crowd", () => ({ doing: "", done: "The crowd came again" }));
    press("restart", () => ({
      doing: "Restarting the gateway",
      done: "Restarted the gateway",
      path: "/api/gateway/restart",
      restarts: true,
    }));
    press("rotate", () => ({
      doing: "Rotating the key",
      done: "Rotated the key",
      path: "/api/keys/rotate",
      restarts: true,
    }));
    press("redis", () =>
      this.#state.redis.state === "up"
        ? { doing: "Stopping Redis", done: "Stopped Redis", path: "/api/redis/stop" }
        : { doing: "Starting Redis", done: "Started Redis", path: "/api/redis/start" },
    );
    press("more", () => this.#countAction(this.#state.pods.length + 1));
    press("fewer", () => this.#countAction(this.#state.pods.length - 1));
    const form = document.getElementById("count-form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = form.querySelector("[type=submit]");
      if (isAble(button)) act(this.#countAction(Number(document.getElementById("pod-count").value)));
    });
  }

  /** While an action is under way no other begins. */
  setBusy(isBusy) {
    this.#isBusy = isBusy;
    if (this.#state !== null) this.update(this.#state);
  }

  /** @param state of GET /api/state */
  update(state) {
    const before = this.#state;
    this.#state = state;
    const { pods, gateway, redis } = state;
    const current = gateway.keys.find((key) => key.current);
    const older = gateway.keys.filter((key) => !key.current).map((key) => key.id);
    fact("gateway-fact", `Gateway ${gateway.state}, restarted ${times(gateway.restarts)}.`);
    fact("key-fact", keySentence(current?.id, older));
    fact("redis-fact", `Redis ${redis.state}.`);
    setText(document.getElementById("redis"), redis.state === "up" ? "Stop Redis" : "Start Redis");
    const input = document.getElementById("pod-count");
    // Not over what somebody is typing.
    if (before?.pods.length !== pods.length) input.value = String(pods.length);

    keyedItems(
      document.getElementById("pod-list"),
      pods.map((pod) => pod.name),
      (name) => this.#podRow(name),
    );
    for (const pod of pods) this.#updateRow(pod);

    for (const button of document.querySelectorAll(".controls button:not(.pod-list *)"))
      setAble(button, !this.#isBusy);
    if (pods.length >= MOST_PODS) setAble(document.getElementById("more"), false);
    if (pods.length <= 1) setAble(document.getElementById("fewer"), false);
  }

  #countAction(count) {
    const pods = `${count} ${count === 1 ? "pod" : "pods"}`;
    return {
      doing: `Changing to ${pods}`,
      done: `Changed from ${this.#state.pods.length} to ${pods}`,
      path: "/api/pods",
      body: { count },
    };
  }

  #podRow(name) {
    const row = element("li");
    const identity = element("span", suffix(name), "name");
    identity.title = name;
    const onOff = this.#podButton(name, () => (this.#stateOf(name) === "stopped" ? "start" : "stop"));
    const drain = this.#podButton(name, () => (this.#stateOf(name) === "draining" ? "start" : "drain"));
    row.append(identity, element("span", "", "state"), onOff, drain);
    return row;
  }

  #podButton(name, verb) {
    const button = element("button");
    button.type = "button";
    button.addEventListener("click", () => {
      if (!isAble(button)) return;
      const what = verb();
      const [doing, done] = {
        stop: ["Stopping", "Stopped"],
        start: this.#stateOf(name) === "draining" ? ["Taking back", "Took back"] : ["Starting", "Started"],
        drain: ["Draining", "Drained"],
      }[what];
      const pod = suffix(name);
      const path = `/api/pods/${encodeURIComponent(name)}/${what}`;
      this.#act({ doing: `${doing} ${pod}`, done: `${done} ${pod}`, path });
    });
    return button;
  }

  #stateOf(name) {
    return this.#state.pods.find((pod) => pod.name === name)?.state;
  }

  #updateRow({ name, state, address, port, pid }) {
    const row = document.querySelector(`#pod-list > [data-key="${CSS.escape(name)}"]`);
    const [, stateText, onOff, drain] = row.children;
    row.dataset.state = state;
    row.title = `${name} at ${address}:${port}, process ${pid ?? "ended"}`;
    setText(stateText, state);
    label(onOff, state === "stopped" ? "Start" : "Stop", name);
    label(drain, state === "draining" ? "Take back" : "Drain", name);
    setAble(onOff, !this.#isBusy);
    setAble(drain, !this.#isBusy && state !== "stopped");
  }
}

function label(button, verb, name) {
  setText(button, verb);
  button.setAttribute("aria-label", `${verb} ${suffix(name)}`);
}

function fact(id, text) {
  setText(document.getElementById(id), text);
}

function times(number) {
  return number === 1 ? "once" : `${number} times`;
}

function keySentence(current, older) {
  const seals = `Key ${current} seals cookies`;
  return older.length === 0
    ? `${seals}.`
    : `${seals}, ${older.join(", ")} still open${older.length === 1 ? "s" : ""} them.`;
}
