/** A stand-in for the kernel's model, as anywidget hands it to the page. */
import type { AnyModel } from "@anywidget/types";
import { feed } from "../../js/feed.js";
import { FEATURE_MAPS } from "../../js/frame.js";
import { liveSource } from "../../js/source.js";
import { viewerStore } from "../../js/state.js";

type Listener = (...args: unknown[]) => void;

export class FakeModel {
  readonly sent: Record<string, unknown>[] = [];
  saves = 0;
  #listeners = new Map<string, Set<Listener>>();

  constructor(readonly values: Record<string, unknown>) {}

  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  get(name: string): unknown {
    return this.values[name];
  }

  set(name: string, value: unknown): void {
    if (this.values[name] === value) return;
    this.values[name] = value;
    this.emit(`change:${name}`);
  }

  save_changes(): void {
    this.saves++;
  }

  send(content: Record<string, unknown>): void {
    this.sent.push(content);
  }

  on(event: string, listener: Listener): void {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event)?.add(listener);
  }

  off(event: string, listener: Listener): void {
    this.#listeners.get(event)?.delete(listener);
  }

  emit(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(...args);
  }

  asModel(): AnyModel {
    return this as unknown as AnyModel;
  }
}

export function layerJson(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    kind: "conv",
    type: "Conv2d",
    in_channels: 3,
    out_channels: 2,
    kernel_size: [7, 7],
    stride: [2, 2],
    padding: [3, 3],
    padding_mode: "zeros",
    dilation: [1, 1],
    groups: 1,
    bias: false,
    parameters: 294,
    macs: 1e6,
    ran: true,
    calls: 1,
    output_shapes: [[1, 2, 2, 3]],
    filters_shape: [2, 3, 7, 7],
    receptive_field: null,
    field_reason: "",
    dtype: "float32",
    device: "cpu",
    in_place: null,
    functional: false,
    ...more,
  };
}

export function traits(names: string[], more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    metadata: {
      protocol: 1,
      version: "0",
      model: "Net",
      layers: names.map((name) => layerJson(name)),
      input: { shape: [1, 3, 4, 6], images: 1 },
    },
    generation: 1,
    notes: [],
    seen: {
      image: 0,
      preprocessing: "Taken as it is.",
      predictions: [{ index: 7, label: "cat", probability: 0.5 }],
    },
    picture: new DataView(new ArrayBuffer(0)),
    thumbnails: new DataView(new ArrayBuffer(0)),
    frame: new DataView(new ArrayBuffer(0)),
    layer: names[0],
    view: FEATURE_MAPS,
    call: 0,
    batch_index: 0,
    channels: [],
    colormap: "auto",
    scale: "channel",
    sort: "index",
    theme: "light",
    height: 500,
    problem: "",
    progress: -1,
    ...more,
  };
}

export const asView = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A store that is fed by a kernel whose traits these are, without anything that draws it. */
export function fed(values: Record<string, unknown>, live = true) {
  const model = new FakeModel(values);
  const source = liveSource(model.asModel(), live);
  const store = viewerStore(source.read());
  const view = new AbortController();
  source.onChange((patch) => store.set(patch), view.signal);
  feed(store, source, view.signal);
  return { model, source, store, view };
}
