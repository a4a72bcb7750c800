// A frame in a sandbox does not see which colors were picked for the page around it. So each report is there
// once more for light and for dark, and is shown in the colors that were picked; else it follows the system.
const follow = () => {
  const { theme } = document.body.dataset;
  for (const frame of document.querySelectorAll("iframe.report")) {
    const address = frame.dataset[theme] ?? frame.dataset.auto;
    if (frame.getAttribute("src") === address) continue;
    const other = frame.cloneNode();
    other.setAttribute("src", address);
    frame.replaceWith(other); // a new address of the same frame would be a step in the history
  }
};

new MutationObserver(follow).observe(document.body, { attributeFilter: ["data-theme"] });
follow();
