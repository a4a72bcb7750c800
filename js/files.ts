/** Has the browser save what the page made. */
export function saveFile(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

export function saveText(text: string, name: string): void {
  saveFile(new Blob([text], { type: "text/plain" }), name);
}
