import { inTime } from "./intime.js";
import type { Source } from "./source.js";
import type { ViewerStore } from "./state.js";

/** Milliseconds that a kernel which is there has to say so. */
const PATIENCE = 3000;

/**
 * Finds out whether the kernel is there when the host says that something became of it, and when a question went
 * unanswered; never else. A kernel that answers but lost a message is asked for all of its state again.
 */
export function followConnection(store: ViewerStore, source: Source, signal: AbortSignal): void {
  if (!source.live) return;
  let isAsking = false;

  async function check(): Promise<void> {
    if (isAsking || signal.aborted) return;
    isAsking = true;
    try {
      await inTime(signal, PATIENCE, source.ping);
      if (!signal.aborted) store.set({ connection: "ok" });
    } catch {
      // Busy or gone: who only waits is told after the host's word that it is gone, not before.
      if (!signal.aborted && store.state.connection === "lost") store.set({ connection: "gone" });
    } finally {
      isAsking = false;
    }
  }

  source.onLost(() => {
    store.set({ connection: "lost" });
    void check();
  }, signal);
  // What was asked for first is answered first: then an answer to this says that the first was lost.
  store.on(["connection"], ({ connection }) => connection === "slow" && void recover(), signal);

  async function recover(): Promise<void> {
    try {
      await source.resend(signal);
      if (store.state.connection === "slow") store.set({ connection: "ok" });
    } catch {
      // Where the question cannot even be sent, nobody is there; a busy kernel only leaves it waiting.
      if (!signal.aborted && store.state.connection === "slow") store.set({ connection: "gone" });
    }
  }
}
