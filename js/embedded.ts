import { FEATURE_MAPS, FILTERS, type FrameKey, keyOf } from "./frame.js";
import { addTo } from "./listen.js";
import { addPredictions } from "./prediction.js";
import { pythonName } from "./readers.js";
import { type Arrival, arrivalOf, type Source } from "./source.js";
import { type Choice, readSome, readTraits, type Synced } from "./wire.js";

/** What changes with the image of the batch, beside its maps; `overview` is base64 of the frame of mean maps. */
interface Seen {
  readonly seen: unknown;
  readonly picture: string;
  readonly overview: string;
}

/**
 * What a report page holds, of some images of the batch by their index; `frames` maps
 * "<index of the layer>/<view>/<call>/<image>" to base64 of gzipped frames, those of maps less their predictions.
 */
export interface Embedded {
  readonly metadata: unknown;
  readonly notes: unknown;
  readonly thumbnails: string;
  readonly images: Record<string, Seen>;
  readonly state: Record<string, unknown>;
  readonly frames: Record<string, string>;
}

/** A source that has all it will ever have: a report, frozen from one look at a model. */
export function embeddedSource({ metadata, notes, thumbnails, images, state, frames }: Embedded): Source {
  const values: Record<string, unknown> = { ...state, metadata, notes, thumbnails, problem: "" };

  /** What the model saw and said of an image becomes what is shown. */
  function show(image: number): Partial<Synced> {
    if (!Object.hasOwn(images, image)) return {};
    const { seen, picture, overview } = images[image];
    Object.assign(values, { seen, picture, overview: bytesOf(overview) });
    return readSome(["seen", "picture", "overview"], (name) => values[name]);
  }

  show(Number(state[pythonName("batchIndex")]));
  const changeListeners = new Set<(patch: Partial<Synced>) => void>();
  const frameListeners = new Set<(arrival: Arrival) => void>();

  const read = () => readTraits((name) => values[name]);
  const indices = new Map(read().metadata.layers.map(({ name }, index) => [name, index]));
  let asked = "";

  const nameOf = ({ layer, view, call, image }: FrameKey) =>
    `${indices.get(layer)}/${view}/${view === FILTERS ? "0/0" : `${call}/${image}`}`;
  const holds = (key: FrameKey) => Object.hasOwn(frames, nameOf(key));

  async function load(key: FrameKey): Promise<Arrival> {
    if (!holds(key)) return { failure: "This report does not hold this view of the layer.", absent: true };
    try {
      const arrival = arrivalOf(await gunzip(frames[nameOf(key)]));
      if (key.view === FEATURE_MAPS && "frame" in arrival) addPredictions(arrival.frame);
      return arrival;
    } catch {
      return { failure: "This part of the report is damaged and cannot be read.", absent: false };
    }
  }

  return {
    live: false,
    read,
    holds,
    choose(choice: Choice) {
      for (const [name, value] of Object.entries(choice)) values[pythonName(name)] = value;
      const patch = choice.batchIndex === undefined ? choice : { ...choice, ...show(choice.batchIndex) };
      for (const listener of changeListeners) listener(patch);
    },
    onChange: (listener, signal) => addTo(changeListeners, listener, signal),
    want(key) {
      const mine = keyOf(key);
      asked = mine;
      void load(key).then((arrival) => {
        // A failure is about what was asked for; by now something else may be wanted.
        if (!("frame" in arrival) && asked !== mine) return;
        for (const listener of frameListeners) listener(arrival);
      });
    },
    onFrame: (listener, signal) => addTo(frameListeners, listener, signal),
    whole: noKernel,
    ahead: noKernel,
    detail: noKernel,
    values: noKernel,
    ping: noKernel,
    resend: noKernel,
    onLost: () => {},
  };
}

const noKernel = (): Promise<never> => Promise.reject(new Error("A report has no kernel to ask."));

async function gunzip(base64: string): Promise<Uint8Array> {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const characters = atob(base64);
  const bytes = new Uint8Array(characters.length);
  // Uint8Array.from with a function takes twenty times as long.
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}
