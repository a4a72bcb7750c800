import { type Badge, fitting } from "../badges.js";
import { element } from "../dom.js";

/** Badges with their sentences to hover over; what has no room within so many characters is counted. */
export function badgeElements(badges: readonly Badge[], room: number): HTMLElement[] {
  const { shown, more } = fitting(badges, room);
  const elements = shown.map(badgeElement);
  if (more > 0) {
    const rest = badges.slice(shown.length);
    const title = rest.map((badge) => badge.title).join("\n");
    const counted = badgeElement({ text: `+${more}`, tone: "faint", title });
    counted.classList.add("cnnvis-more");
    elements.push(counted);
  }
  return elements;
}

const badgeElement = ({ text, tone, title }: Badge): HTMLElement =>
  element("span.note-badge", { "data-tone": tone, title }, text);
