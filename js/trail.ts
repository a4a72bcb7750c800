/** What was looked at, in turn, to go back and forward in. */
import { type FrameKey, keyOf } from "./frame.js";
import type { Place } from "./wire.js";

/** Visits that are kept. */
const MOST = 100;

export interface Visit {
  readonly key: FrameKey;
  readonly channels: readonly number[];
  readonly pinned: readonly number[];
  readonly place: Place | null;
}

/** The visits, the oldest first, and which of them is the present one; -1 before the first. */
export interface Trail {
  readonly visits: readonly Visit[];
  readonly at: number;
}

/** The trail after going somewhere: what could have been gone forward to is forgotten. */
export function visit(trail: Trail, visited: Visit): Trail {
  const visits = [...trail.visits.slice(0, trail.at + 1), visited].slice(-MOST);
  return { visits, at: visits.length - 1 };
}

/** The trail with more known of the present visit. */
export function revise(trail: Trail, part: Partial<Visit>): Trail {
  const visits = trail.visits.map((each, index) => (index === trail.at ? { ...each, ...part } : each));
  return { ...trail, visits };
}

/** The trail after so many steps forward, or back where `by` is below 0; null where there are not as many. */
export function step(trail: Trail, by: number): Trail | null {
  const at = trail.at + by;
  return trail.visits[at] === undefined ? null : { ...trail, at };
}

export const present = ({ visits, at }: Trail): Visit | null => visits[at] ?? null;

export function isAt(trail: Trail, key: FrameKey): boolean {
  const here = present(trail);
  // Another look at the model is no other place.
  return here !== null && keyOf({ ...here.key, generation: 0 }) === keyOf({ ...key, generation: 0 });
}
