import { element } from "./dom.js";

/** Has the browser save what the page made. */
export function saveFile(blob: Blob, name: string): void {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

export const saveText = (text: string, name: string): void =>
  saveFile(new Blob([text], { type: "text/plain" }), name);
