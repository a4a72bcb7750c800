import type { AnyModel } from "@anywidget/types";
import { viewWord } from "./describe.js";
import { type Frame, FrameError, type FrameKey, frameIn, keyOf, parseFrame, parseValues } from "./frame.js";
import { addTo, atEnd } from "./listen.js";
import { pythonName, readBytes } from "./readers.js";
import {
  type Choice,
  type DetailRequest,
  FRAME,
  NOTHING,
  type Request,
  readAnswer,
  readSpent,
  readTrait,
  readTraits,
  requestMessage,
  type Spent,
  SYNCED,
  type Synced,
  type ValuesRequest,
} from "./wire.js";

/** A frame that came, or why none will come for what is wanted now. */
export type Arrival =
  | {
      readonly frame: Frame;
      /** By `performance.now()`, before it was read. */
      readonly arrived: number;
      readonly spent: Spent;
    }
  | { readonly failure: string; readonly absent: boolean };

/** Where the shared state and the frames come from: a live kernel, or what is embedded in the page. */
export interface Source {
  /** Whether something can answer that is not in the page. */
  readonly live: boolean;
  read(): Synced;
  /** Says what the user chose. The change comes back through `onChange`, as Python's own changes do. */
  choose(choice: Choice): void;
  onChange(listener: (patch: Partial<Synced>) => void, signal: AbortSignal): void;
  /** Whether the frame can be had: a page holds only some calls, and one image. */
  holds(key: FrameKey): boolean;
  /** Asks for a frame, which arrives at `onFrame`. */
  want(key: FrameKey): void;
  onFrame(listener: (arrival: Arrival) => void, signal: AbortSignal): void;
  /** The frame that a smaller one stands in for. Rejects when nothing can answer or the signal aborts. */
  whole(key: FrameKey, signal: AbortSignal): Promise<Frame>;
  /** The frame of a layer that may be picked next, where it is at hand. Rejects as `whole` does, and where it is not. */
  ahead(key: FrameKey, signal: AbortSignal): Promise<Frame>;
  /** Full resolution of some channels. Rejects when nothing can answer or the signal aborts. */
  detail(request: DetailRequest, signal: AbortSignal): Promise<Frame>;
  /** Exact values of a part of a plane, row by row. Rejects as `detail` does. */
  values(request: ValuesRequest, signal: AbortSignal): Promise<Float64Array>;
  /** Resolves when the kernel answers at all. Rejects as `detail` does. */
  ping(signal: AbortSignal): Promise<void>;
  /** Asks for all of the shared state again; resolves when it was sent. */
  resend(signal: AbortSignal): Promise<void>;
  /** The host's word that something became of the connection. */
  onLost(listener: () => void, signal: AbortSignal): void;
}

/** Reads frame bytes; what is wrong with them becomes a sentence, not an exception. */
export function arrivalOf(bytes: Uint8Array, spent = NOTHING): Arrival {
  const arrived = performance.now();
  const frame = frameIn(bytes);
  return frame instanceof FrameError ? { failure: frame.message, absent: false } : { frame, arrived, spent };
}

/**
 * A kernel behind an anywidget model: it follows what is chosen there by setting `frame`.
 *
 * @param live whether there is a kernel; else the model is what was stored of one, and holds one frame.
 */
export function liveSource(model: AnyModel, live = true): Source {
  function currentFrame(): Arrival | null {
    const bytes = readBytes(model.get(FRAME));
    return bytes.length === 0 ? null : arrivalOf(bytes, readSpent(model.get("spent")));
  }

  const frameListeners = new Set<(arrival: Arrival) => void>();
  const changeListeners = new Set<(patch: Partial<Synced>) => void>();
  /** What changes by a choice that is being made. */
  let choosing: Partial<Synced> | null = null;

  /** Sends a request and waits for the bytes of its answer. */
  function ask(request: Request, signal: AbortSignal): Promise<Uint8Array> {
    if (!live) return Promise.reject(new Error("A saved view has no kernel to ask."));
    return new Promise((resolve, reject) => {
      const id = newId();
      // Its own controller, so that the listener goes with the answer and not only with the view.
      const done = new AbortController();
      const settle = (how: () => void) => {
        done.abort();
        how();
      };
      signal.addEventListener("abort", () => settle(() => reject(signal.reason)), { signal: done.signal });
      const answered = (message: unknown, buffers: readonly unknown[]) => {
        const answer = readAnswer(message);
        if (answer?.id !== id) return;
        settle(() =>
          answer.error === null ? resolve(readBytes(buffers[0])) : reject(new Error(answer.error)),
        );
      };
      listen(model, "msg:custom", answered, done.signal);
      model.send(requestMessage(id, request));
    });
  }

  const askFrame =
    <Kind extends "whole" | "ahead" | "detail">(kind: Kind) =>
    (request: Extract<Request, { kind: Kind }>["request"], signal: AbortSignal) =>
      ask({ kind, request } as Request, signal).then(parseFrame);
  const askNothing = (kind: "ping" | "resend") => (signal: AbortSignal) =>
    ask({ kind, request: {} }, signal).then(() => {});

  return {
    live,

    read: () => readTraits((name) => model.get(name)),

    choose(choice) {
      // The kernel hears of it first, and works while the page changes, which it then does once.
      const told: Partial<Synced> = {};
      choosing = told;
      try {
        for (const [name, value] of Object.entries(choice)) model.set(pythonName(name), value);
        model.save_changes();
      } finally {
        choosing = null;
      }
      for (const listener of changeListeners) listener(told);
    },

    onChange(listener, signal) {
      addTo(changeListeners, listener, signal);
      for (const name of SYNCED) {
        const trait = pythonName(name);
        const tell = () => {
          const patch = { [name]: readTrait(name, model.get(trait)) };
          if (!choosing) listener(patch);
          else Object.assign(choosing, patch);
        };
        listen(model, `change:${trait}`, tell, signal);
      }
    },

    holds: (key) => live || isOf(key, currentFrame()),

    want(key) {
      // The kernel knows from the traits. The frame may also be here already, when it was not the news.
      const arrival = currentFrame();
      const isHere = isOf(key, arrival);
      if (live && !isHere) return;
      const news = isHere ? arrival : { failure: whyNot(arrival), absent: true };
      for (const listener of frameListeners) listener(news);
    },

    onFrame(listener, signal) {
      addTo(frameListeners, listener, signal);
      const tell = () => {
        const arrival = currentFrame();
        if (arrival) listener(arrival);
      };
      listen(model, `change:${FRAME}`, tell, signal);
    },

    whole: askFrame("whole"),
    ahead: askFrame("ahead"),
    detail: askFrame("detail"),
    values: (request, signal) => ask({ kind: "values", request }, signal).then(parseValues),
    ping: askNothing("ping"),
    resend: askNothing("resend"),

    onLost(listener, signal) {
      // Jupyter's own events; other hosts have none, and stay quiet.
      for (const event of ["comm_live_update", "comm:close"]) listen(model, event, listener, signal);
    },
  };
}

const isOf = (
  key: FrameKey,
  arrival: Arrival | null,
): arrival is Extract<Arrival, { readonly frame: Frame }> =>
  arrival !== null && "frame" in arrival && keyOf(arrival.frame) === keyOf(key);

/** Why a saved view cannot show what was picked. */
function whyNot(arrival: Arrival | null): string {
  const missing = "This view was saved, and its kernel has ended.";
  if (!arrival) return `${missing} It was saved without a picture; run the notebook to see one.`;
  if (!("frame" in arrival)) return arrival.failure;
  const { layer, view } = arrival.frame;
  return `${missing} It holds only what was shown last: the ${viewWord(view)} of “${layer}”. Run the notebook to see the rest.`;
}

function listen(
  model: AnyModel,
  event: string,
  // biome-ignore lint/suspicious/noExplicitAny: the arguments are those of the model's event
  listener: (...args: any[]) => void,
  signal: AbortSignal,
): void {
  model.on(event, listener);
  atEnd(signal, () => model.off(event, listener));
}

// Views of one model share its messages, so an id must not be one of another view's.
function newId(): string {
  const [a, b] = crypto.getRandomValues(new Uint32Array(2));
  return a.toString(36) + b.toString(36);
}
