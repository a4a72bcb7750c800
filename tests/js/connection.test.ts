import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { followConnection } from "../../js/connection.js";
import type { Source } from "../../js/source.js";
import { viewerStore } from "../../js/state.js";
import { readTraits } from "../../js/wire.js";
import { traits } from "./model.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A kernel that answers as a test says, and a host that can say that it left. */
function following(kernel: Partial<Pick<Source, "ping" | "resend" | "live">>) {
  const values = traits(["a"]);
  const store = viewerStore(readTraits((name) => values[name]));
  const view = new AbortController();
  let lose: () => void = () => {};
  const source = {
    live: true,
    ping: () => Promise.resolve(),
    resend: () => Promise.resolve(),
    onLost: (listener: () => void) => {
      lose = listener;
    },
    ...kernel,
  } as unknown as Source;
  followConnection(store, source, view.signal);
  return { store, view, lose: () => lose() };
}

/** As a question to a kernel that is busy, or that nobody tells of having ended. */
function never(signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

describe("the connection", () => {
  it("is well when a kernel answers after the host said that something became of it", async () => {
    const { store, lose } = following({});
    lose();
    expect(store.state.connection).toBe("lost");
    await vi.advanceTimersByTimeAsync(10);
    expect(store.state.connection).toBe("ok");
  });

  it("is gone when no answer comes in three seconds after the host's word, not before", async () => {
    const { store, lose } = following({ ping: never });
    lose();
    await vi.advanceTimersByTimeAsync(2900);
    expect(store.state.connection).toBe("lost");
    await vi.advanceTimersByTimeAsync(200);
    expect(store.state.connection).toBe("gone");
  });

  it("stays slow as long as a busy kernel has not answered, however long that takes", async () => {
    const resend = vi.fn(never);
    const { store } = following({ resend });
    store.set({ connection: "slow" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(store.state.connection).toBe("slow");
    expect(resend).toHaveBeenCalledTimes(1);
  });

  it("is well again once it answers, and asks for what was lost", async () => {
    let answer: () => void = () => {};
    const { store } = following({
      resend: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    store.set({ connection: "slow" });
    answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(store.state.connection).toBe("ok");
  });

  it("is gone when a question cannot even be sent", async () => {
    const { store } = following({ resend: () => Promise.reject(new Error("the comm is closed")) });
    store.set({ connection: "slow" });
    await vi.advanceTimersByTimeAsync(0);
    expect(store.state.connection).toBe("gone");
  });

  it("is asked for by one question at a time", async () => {
    const ping = vi.fn(never);
    const { lose } = following({ ping });
    for (let i = 0; i < 20; i++) lose();
    await vi.advanceTimersByTimeAsync(10);
    expect(ping).toHaveBeenCalledTimes(1);
  });

  it("changes nothing after the view was closed", async () => {
    const { store, view, lose } = following({ ping: never, resend: never });
    lose();
    view.abort();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(store.state.connection).toBe("lost");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("of a report is never asked for", async () => {
    const ping = vi.fn(never);
    const { store } = following({ live: false, ping, resend: ping });
    store.set({ connection: "slow" });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ping).not.toHaveBeenCalled();
  });
});
