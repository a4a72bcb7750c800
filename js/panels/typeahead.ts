import { createTimer } from "../listen.js";

/** Milliseconds after which the next letter begins another word. */
const PAUSE = 700;

/** Letters that are typed one after the other, as one word; the timer ends with the signal. */
export function typeahead(signal: AbortSignal): (letter: string) => string {
  let typed = "";
  const wait = createTimer(signal);
  return (letter) => {
    typed += letter.toLowerCase();
    wait(() => {
      typed = "";
    }, PAUSE);
    return typed;
  };
}
