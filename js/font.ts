/** The family of all that is written into a picture; the style sheet has the same for what lies around it. */
export const FONT = "ui-sans-serif, system-ui, sans-serif";
